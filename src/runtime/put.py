#!/usr/bin/env python3
"""Puts a complete artifact from a folder, which it only reads, into a bucket."""
import sys

from folder import Directory
from marker import expect
from place import add_moving, add_place, check_bucket, work
from program import Failure, Parser, USAGE, run
from transfer import Output, Part, check_paths, store


class Original(Directory):
    """The artifact to be put."""

    def look(self, http):
        marker = self.marker()
        outputs = [Output(file['path'], [Part(file['path'], file.get('size'), file.get('sha256'))])
                   for file in marker['files']]
        check_paths(outputs)  # before any file is looked at
        damage = self.damage(marker, deep=False)
        if damage:
            raise damage
        return outputs, marker


def parse(arguments):
    parser = Parser(prog='put.py', description=__doc__, allow_abbrev=False)
    add_place(parser)
    add_moving(parser)
    options = parser.parse_args(arguments)
    if not (options.dir and options.bucket):
        raise Failure(USAGE, 'put.py needs --dir and --bucket')
    check_bucket(options)
    return options


def main():
    options = parse(sys.argv[1:])

    def put(bucket):
        folder = Original(options.dir)
        expect(folder, options.key, USAGE)  # a retry would not bring it: nothing else writes here
        return store(options, bucket, folder)

    return work(options, put)


if __name__ == '__main__':
    run(main)
