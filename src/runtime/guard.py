#!/usr/bin/env python3
"""The guard of a consumer: waits for ever for artifacts in their folders, for names to resolve, or for both.

It reads sizes alone, and never opens a connection. It needs two modules, so that a change of how models are moved
does not restart what serves them.
"""
import os
import socket
import sys
import time

from marker import MARKER, read_marker, stored_size
from program import Failure, Parser, USAGE, interruptible, log, positive, run


def wait(options):
    started, told = time.monotonic(), None
    while True:
        try:
            missing = absent(options.artifacts, options.resolve)
        except OSError as error:
            missing = '%s to be readable: %s' % (error.filename or 'the files', error)
        if not missing:
            log(', '.join(['%s is complete' % folder for folder, _ in options.artifacts]
                          + (['every host resolves'] if options.resolve else [])))
            return {'keys': options.key, 'seconds': round(time.monotonic() - started, 1)}
        if told is None or time.monotonic() >= told + 60:
            log('waiting for %s' % missing)
            told = time.monotonic()
        time.sleep(options.every)


def absent(artifacts, hosts):
    """The first thing that is missing, in words, or None."""
    for folder, key in artifacts:
        missing = absent_artifact(folder, key)
        if missing:
            return missing
    return absent_host(hosts)


def absent_artifact(folder, key):
    marker = read_marker(folder)
    if marker is None:
        return '%s in %s: not there yet' % (MARKER, folder)
    if marker.get('key') != key:
        return 'the artifact with key %s in %s: it holds %s' % (key, folder, marker.get('key'))
    for file in marker['files']:
        size = stored_size(os.path.join(folder, file['path']))
        if size != file['size']:
            return '%s in %s: %s' % (file['path'], folder, 'not there' if size < 0 else '%d of %d bytes' % (size, file['size']))
    return None


def absent_host(hosts):
    for host in hosts:
        try:
            # DNS alone: a connection that sends nothing would end a distributed-llama worker. IPv4 is all it speaks.
            socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            return 'the name %s: %s' % (host, error.strerror or error)
    return None


def parse(arguments):
    parser = Parser(prog='guard.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--key', action='append', default=[],
                        help='of an artifact; none for one whose volume is whole or not there')
    parser.add_argument('--dir', action='append', default=[], help='the folder of the artifact whose key is before it')
    parser.add_argument('--resolve', action='append', default=[], metavar='HOST')
    parser.add_argument('--every', type=positive, default=5, help='seconds')
    options = parser.parse_args(arguments)
    if len(options.key) != len(options.dir) or not (options.key or options.resolve):
        raise Failure(USAGE, 'give --key and --dir, or --resolve, or all of them')
    options.artifacts = list(zip(options.dir, options.key))
    return options


def main():
    options = parse(sys.argv[1:])
    return interruptible(lambda: wait(options))


if __name__ == '__main__':
    run(main)
