#!/usr/bin/env python3
"""Removes artifacts from a store: a folder (the mount of a claim or of a node's disk), or a prefix of a bucket.

Nothing is removed of which another artifact in the store says that it was made from it, unless that one is removed in
the same run. What is not there is no error: a second run finds nothing to do. Can be killed at any instant and run
again: the marker goes first, so what is half removed is no artifact any more.
"""
import re
import sys
import time

from program import Failure, Parser, USAGE, interruptible, log, matching, positive, readable, run

KEY = '[0-9a-f]{12}'
# The folder of an artifact, by which its key is known even where the marker is gone. Nothing else is ever removed.
FOLDER = r'[a-z0-9][a-z0-9._-]*-(%s)' % KEY


def key_of(name):
    """The key in the name of an artifact's folder, or None if it is no such name."""
    found = re.fullmatch(FOLDER, name)
    return found.group(1) if found else None


def evict(options, store):
    started = time.monotonic()
    kept = options.dry_run
    leftovers = 0 if kept else sum(clear(store, name) for name in store.leftovers())
    names = wanted(store, options.artifact)
    refuse_parents(store, names)
    if not kept:
        until = time.monotonic() + options.wait_seconds
        for name in names:
            store.hold(name, until)
        refuse_parents(store, names)  # while it was waited for, another artifact may have been made
    removed = 0
    for name in names:
        size = store.size(name)
        removed += size
        log('%s %s of %s: %s' % ('would remove' if kept else 'removing', name, store, readable(size)))
        if not kept:
            store.remove(name)
    log('%s: %d artifacts, %s' % ('nothing was removed (dry run); it would be' if kept else 'removed',
                                  len(names), readable(removed + leftovers)))
    return {'artifacts': len(names), 'bytes': removed + leftovers, 'dryRun': kept,
            'seconds': round(time.monotonic() - started, 1)}


def clear(store, name):
    """Removes what a killed eviction has left; returns its size."""
    size = store.leftover_size(name)
    log('removing what an eviction left that was stopped: %s, %s' % (name, readable(size)))
    store.remove_leftover(name)
    return size


def wanted(store, artifacts):
    """The folders of the artifacts, each asked for by its key or its folder, in order."""
    names = [name for name in store.names() if key_of(name)]
    found = set()
    for artifact in artifacts:
        matches = [name for name in names if artifact in (name, key_of(name))]
        if not matches:
            log('%s has no artifact %s: nothing to do for it' % (store, artifact))
        found.update(matches)
    return sorted(found)


def refuse_parents(store, names):
    """Refuses to remove what another artifact was made from, or what the marker says to be something else."""
    keys = {key_of(name): name for name in names}
    for name in store.names():
        marker = store.marker(name)
        if marker is None:
            continue
        if name in names:
            if marker.get('key') != key_of(name):
                raise Failure(USAGE, '%s of %s holds the artifact with key %s, which is not in its name: it is left as '
                              'it is. Remove it by hand if it is not needed' % (name, store, marker.get('key')))
            continue
        for parent in marker.get('parents') or []:
            if parent in keys:
                raise Failure(USAGE, '%s is needed: %s in %s was made from it. Nothing was removed. Evict %s too, or '
                              'keep both' % (keys[parent], name, store, name))


def parse(arguments):
    parser = Parser(prog='evict.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--root', help='the folder of the store')
    parser.add_argument('--bucket')
    parser.add_argument('--prefix', default='', help='the folder of the store in the bucket')
    parser.add_argument('--s3-endpoint', type=matching('https?://[^/]+.*', 'an http(s) address'))
    parser.add_argument('--s3-region', default='us-east-1')
    parser.add_argument('--s3-addressing', choices=['path', 'host'], default='path')
    parser.add_argument('--stall-seconds', type=positive, default=60, help='a silence longer than this ends a request')
    parser.add_argument('--attempts', type=positive, default=8, help='tries without progress before giving up')
    parser.add_argument('--artifact', action='append', required=True, metavar='KEY|FOLDER',
                        type=matching('%s|%s' % (KEY, FOLDER), 'the key (12 hex digits) or the folder of an artifact'))
    parser.add_argument('--dry-run', action='store_true', help='tells what would be removed, and removes nothing')
    parser.add_argument('--wait-seconds', type=positive, default=600, help='for a download or conversion to end')
    # Longer than a download waits for its source between two writes.
    parser.add_argument('--quiet-seconds', type=positive, default=1800,
                        help='where there are no locks: what was written to since may be a download at work')
    options = parser.parse_args(arguments)
    if bool(options.root) == bool(options.bucket):
        raise Failure(USAGE, 'give either --root or --bucket')
    if options.bucket and not options.s3_endpoint:
        raise Failure(USAGE, '--bucket needs --s3-endpoint')
    return options


def open_store(options):
    # Each pod mounts the modules that it needs: one has no evict_bucket.py, another no evict_folder.py.
    if options.root:
        from evict_folder import FolderStore
        return FolderStore(options.root, options.quiet_seconds)
    from evict_bucket import BucketStore
    from s3_client import S3
    from web import Http, Patience
    Http.stall, Patience.attempts = options.stall_seconds, options.attempts
    s3 = S3(options.s3_endpoint, options.s3_region, options.bucket, in_host=options.s3_addressing == 'host')
    return BucketStore(s3, options.prefix, options.quiet_seconds)


def main():
    options = parse(sys.argv[1:])
    return interruptible(lambda: evict(options, open_store(options)))


if __name__ == '__main__':
    run(main)
