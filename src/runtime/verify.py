#!/usr/bin/env python3
"""Proves that an artifact is whole: its sizes, or with --deep every sha256."""
import sys
import time

from marker import expect
from place import add_place, check, work
from program import NOT_FOUND, Parser, log, readable, run


def verify(options, place):
    started = time.monotonic()
    marker = expect(place, options.key, NOT_FOUND)
    damage = place.damage(marker, options.deep)
    if damage:
        raise damage
    log('%s: %d files, %s, %s' % (place, len(marker['files']), readable(marker['bytes']),
                                  'every sha256 is right' if options.deep else 'every size is right'))
    return {'files': len(marker['files']), 'bytes': marker['bytes'], 'key': options.key, 'deep': options.deep,
            'seconds': round(time.monotonic() - started, 1)}


def parse(arguments):
    parser = Parser(prog='verify.py', description=__doc__, allow_abbrev=False)
    add_place(parser)
    parser.add_argument('--deep', action='store_true', help='hash every file')
    options = parser.parse_args(arguments)
    check(options)
    return options


def main():
    options = parse(sys.argv[1:])
    return work(options, lambda place: verify(options, place))


if __name__ == '__main__':
    run(main)
