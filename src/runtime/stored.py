#!/usr/bin/env python3
"""Looks whether the store has the artifact already; if so, the steps that gather it on a disk have nothing to do.

They find its marker in the folder of --note, and STORED beside it, which says that the files themselves are elsewhere.
"""
import os
import sys

from marker import STORED, write_marker
from place import add_place, check, work
from program import Parser, log, run
from transfer import complete


def parse(arguments):
    parser = Parser(prog='stored.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--note', required=True, metavar='FOLDER', help='where the artifact would be gathered')
    add_place(parser)
    options = parser.parse_args(arguments)
    check(options)
    return options


def look(options, store):
    marker = complete(store, options.key)
    if not marker:
        log('%s does not have the artifact yet: it is gathered in %s first' % (store, options.note))
        return {'key': options.key, 'stored': False}
    log('%s is complete already: nothing is gathered' % store)
    os.makedirs(options.note, exist_ok=True)
    with open(os.path.join(options.note, STORED), 'w', encoding='utf-8') as note:
        note.write('%s\n' % store)
    write_marker(options.note, marker)
    return {'key': options.key, 'stored': True}


def main():
    options = parse(sys.argv[1:])
    return work(options, lambda store: look(options, store))


if __name__ == '__main__':
    run(main)
