#!/usr/bin/env python3
"""Fetches a model from where it is published into a folder or bucket: fetch.py KIND --key=...

KIND is the name of a module beside this one that knows the source: its `add_arguments(parser)` and
`source(options)`, an object with `look(http)` and `read(http, part, start, view)` (see transfer.py). All run on
the standard library alone, so that any python image (3.11 or newer) runs them, air-gapped, in 0.1 s. Can be killed
at any instant and run again; two copies at once do no harm. Exit codes: see program.py.
"""
import importlib
import os
import re
import sys

from place import add_moving, add_place, check, work
from program import Failure, Parser, USAGE, run
from transfer import store


def kind_of(arguments):
    """The module that knows this kind of source."""
    name = arguments[0] if arguments else ''
    folder = os.path.dirname(os.path.abspath(__file__))
    if re.fullmatch('[a-z][a-z0-9_]*', name) and os.path.exists(os.path.join(folder, name + '.py')):
        module = importlib.import_module(name)
        if hasattr(module, 'source'):
            return module
    raise Failure(USAGE, 'fetch.py: the first argument is the kind of source, and %r is none of those that are '
                  'mounted here' % name)


def parse(arguments):
    kind = kind_of(arguments)
    parser = Parser(prog='fetch.py ' + arguments[0], description=kind.__doc__, allow_abbrev=False)
    kind.add_arguments(parser)
    add_place(parser)
    add_moving(parser)
    options = parser.parse_args(arguments[1:])
    check(options)
    options.source = kind.source(options)
    return options


def main():
    options = parse(sys.argv[1:])
    source = options.source
    # What has to be unpacked knows itself how it is stored.
    bring = getattr(source, 'store', None) or (lambda options, place: store(options, place, source))
    return work(options, lambda place: {**bring(options, place), 'source': str(source)})


if __name__ == '__main__':
    run(main)
