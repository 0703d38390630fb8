#!/usr/bin/env python3
"""fetch.py for a folder that may take so much of a disk and no more: fetch_within.py [--room-bytes=N] [--verify] KIND ...

What is larger is refused before its first byte. With --verify, every byte of what is complete already is read again.
"""
import os
import shutil
import sys

import fetch
from folder import Directory
from program import FULL, Failure, Parser, USAGE, interruptible, positive, readable, run
from transfer import store
from web import Http, Patience


class Bounded(Directory):
    """A folder on a disk that others need, too."""

    def __init__(self, path, room, verify):
        super().__init__(path)
        self.room, self.verify = room, verify

    def damage(self, marker, deep):
        return super().damage(marker, deep or self.verify)

    def reserve(self, outputs):
        needed = sum(output.size for output in outputs)
        if self.room is not None and needed > self.room:
            raise Failure(FULL, 'it takes %s, and there is room for %s' % (readable(needed), readable(self.room)))
        try:
            return super().reserve(outputs)
        except Failure as failure:
            if failure.code != FULL:
                raise
            free = os.statvfs(self.path)
            raise Failure(FULL, 'it takes %s, and the disk of the node has %s left, whatever the cache may take of it'
                          % (readable(needed), readable(free.f_bavail * free.f_frsize)))

    def publish(self, marker):
        # What an archive unpacks to is known only now.
        if self.room is not None and marker['bytes'] > self.room:
            shutil.rmtree(self.path)
            raise Failure(FULL, 'it takes %s once it is unpacked, and there is room for %s'
                          % (readable(marker['bytes']), readable(self.room)))
        super().publish(marker)


def parse(arguments):
    parser = Parser(prog='fetch_within.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--room-bytes', type=positive)
    parser.add_argument('--verify', action='store_true')
    own = [argument for argument in arguments if argument.startswith('--room-bytes=') or argument == '--verify']
    within = parser.parse_args(own)
    options = fetch.parse([argument for argument in arguments if argument not in own])
    if not options.dir:
        raise Failure(USAGE, 'give --dir: only a folder has bounds')
    return within, options


def bring(within, options):
    Http.stall, Patience.attempts = options.stall_seconds, options.attempts
    source, place = options.source, Bounded(options.dir, within.room_bytes, within.verify)
    of_its_own = getattr(source, 'store', None)
    result = of_its_own(options, place) if of_its_own else store(options, place, source)
    return {**result, 'source': str(source)}


def main():
    within, options = parse(sys.argv[1:])
    return interruptible(lambda: bring(within, options))


if __name__ == '__main__':
    run(main)
