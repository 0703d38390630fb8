#!/usr/bin/env python3
"""Makes an artifact of files that something else has put on the disk: verifies them, then writes the marker.

A downloader has filled a folder within the artifact's own, under the lock that this program takes (custom.sh): the
files are moved to their places once all are verified. With --in-place they are there already, and stay as they are.
Can be killed at any instant and run again; two copies at once do no harm. Exit codes: see program.py.
"""
import hashlib
import json
import os
import sys
import time

from folder import Directory, blocks
from marker import MARKER, sync_directory
from pins import Pins, add_arguments
from program import CHECKSUM, Failure, NOT_FOUND, NO_ACCESS, Parser, TRANSIENT, USAGE, interruptible, log, positive, \
    readable, run
from transfer import complete, shorten

# Where downloaders leave their files, below what is staged: custom.sh.
DOWNLOADED = 'files'
# Paths that the downloader has already brought wrongly, or not at all.
REJECTED = 'rejected.json'


class Adoption(Directory):
    """The artifact's folder, and the one that its files come from."""

    def __init__(self, path, in_place, pins, every):
        super().__init__(path)
        self.source = path if in_place else os.path.join(self.staging, DOWNLOADED)
        self.moving, self.pins, self.every = not in_place, pins, every

    def adopt(self, key):
        started = time.monotonic()
        marker = self.completed(key)
        if not marker and self.prepare():
            marker = self.completed(key)  # another copy was at work, and may have completed it
        if marker:
            log('%s is complete already: %d files, %s' % (self, len(marker['files']), readable(marker['bytes'])))
            self.tidy()
        else:
            self.withdraw()
            files = self.verified()
            if self.moving:
                self.move(files)
            marker = {'format': 1, **self.pins.described(), 'key': key,
                      'bytes': sum(file['size'] for file in files), 'files': files}
            self.publish(marker)
            log('complete: %d files, %s, verified' % (len(files), readable(marker['bytes'])))
        return {'files': len(marker['files']), 'bytes': marker['bytes'], 'key': key,
                'seconds': round(time.monotonic() - started, 1)}

    def completed(self, key):
        """The marker of the whole artifact, or None. A folder that stays where it is cannot be exchanged for another."""
        marker = None if self.moving else self.marker()
        if marker and marker.get('key') != key:
            raise Failure(USAGE, '%s is already the artifact with key %s, and is now asked for as %s, because what pins '
                          'its files was changed. Remove %s if nothing uses that artifact any more; or pin it by that key'
                          % (self, marker.get('key'), key, os.path.join(self.path, MARKER)))
        return complete(self, key)

    def withdraw(self):
        """A marker of damaged files must not be believed, nor keep the downloader from running again."""
        if self.marker() is None:
            return
        if self.moving:
            self.retract()
            raise Failure(TRANSIENT, '%s was damaged; its marker is withdrawn, and the next run downloads it anew' % self)
        if self.pins.own_marker:
            raise Failure(CHECKSUM, '%s is damaged, and its own marker is all that could prove it' % self)
        self.retract()

    def verified(self):
        """What the marker says of each file; ends the program unless every one is as it must be."""
        chosen, missing = self.pins.choose(self.source)
        refuse_links_out(self.source, chosen)
        total = sum(status.st_size for status, _ in chosen.values())
        log('verifying %d files, %s, in %s' % (len(chosen), readable(total), self.source))
        progress, files, wrong = Progress(total, self.every), [], []
        for path, (status, expected) in chosen.items():
            size, found = self.hash(path, progress)
            if expected and found != expected:
                wrong.append(path)
                log('%s: the sha256 is %s instead of %s' % (path, found, expected))
            if identity(os.lstat(os.path.join(self.source, path))) != identity(status):
                raise Failure(CHECKSUM, '%s was changed while it was verified; adopt the folder when nothing writes to it'
                              % os.path.join(self.source, path))
            files.append({'path': path, 'size': size, 'sha256': found})
        if wrong or missing:
            self.reject(wrong, missing)
        return files

    def hash(self, path, progress):
        digest, size = hashlib.sha256(), 0
        at = os.path.join(self.source, path)
        try:
            if self.moving:
                os.chmod(at, 0o644)  # whatever the downloader's umask was
            for block in blocks(at):
                digest.update(block)
                size += len(block)
                progress.add(len(block))
        except PermissionError as error:
            raise Failure(NO_ACCESS, 'user %d, group %d cannot read %s: %s'
                          % (os.getuid(), os.getgid(), at, error.strerror))
        return size, digest.hexdigest()

    def reject(self, wrong, missing):
        """Drops what is wrong, so that the downloader brings it anew; the second time is the last."""
        code = CHECKSUM if wrong else NOT_FOUND
        told = '; '.join([*(['with another sha256 than they must have: ' + shorten(wrong)] if wrong else []),
                          *(['missing: ' + shorten(missing)] if missing else [])])
        if not self.moving:
            raise Failure(code, '%s: files %s' % (self, told))
        for path in wrong:
            os.unlink(os.path.join(self.source, path))
        note = os.path.join(self.staging, REJECTED)
        before = read_list(note)
        if before & {*wrong, *missing}:
            os.unlink(note)  # when a person has looked into it, it begins anew
            raise Failure(code, 'the downloader ended well twice and left files %s. It brings something else than what '
                          'is asked for, or spoils it' % told)
        with open(note, 'w', encoding='utf-8') as f:
            json.dump(sorted({*before, *wrong, *missing}), f)
        raise Failure(TRANSIENT, 'the downloader ended well, but left files %s; they are dropped, and the next run '
                      'brings them anew' % told)

    def move(self, files):
        """Gives the files their places. All are on the disk before the marker is."""
        for file in files:
            self._refuse_links(file['path'])
            source, final = os.path.join(self.source, file['path']), os.path.join(self.path, file['path'])
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.utime(descriptor)  # a time from elsewhere may be later than the marker's, as if it were changed
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            try:
                os.makedirs(os.path.dirname(final), exist_ok=True)
                os.rename(source, final)
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise Failure(USAGE, '%s: %s; is the folder used by something else?' % (final, error.strerror))
        sync_directory(self.path)


class Progress:
    """A line in the log now and then."""

    def __init__(self, total, every):
        self.total, self.every = total, every
        self.done, self.told = 0, time.monotonic()

    def add(self, count):
        self.done += count
        if time.monotonic() >= self.told + self.every:
            log('%5.1f%%, %s of %s verified' % (100 * self.done / self.total, readable(self.done), readable(self.total)))
            self.told = time.monotonic()


def identity(status):
    return status.st_ino, status.st_size, status.st_mtime_ns


def refuse_links_out(folder, chosen):
    """Refuses files that have another name elsewhere, by which they could be changed once they are verified."""
    names = {}
    for status, _ in chosen.values():
        names[status.st_ino] = names.get(status.st_ino, 0) + 1
    for path, (status, _) in chosen.items():
        if status.st_nlink > names[status.st_ino]:
            raise Failure(USAGE, '%s is a hard link to a file outside of the artifact; let the tool copy it'
                          % os.path.join(folder, path))


def read_list(path):
    try:
        with open(path, encoding='utf-8') as f:
            return set(json.load(f))
    except (FileNotFoundError, ValueError):
        return set()


def main():
    parser = Parser(prog='adopt.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    parser.add_argument('--dir', required=True, help='the folder of the artifact')
    parser.add_argument('--in-place', action='store_true', help='the files are in their places already')
    parser.add_argument('--progress-seconds', type=positive, default=10)
    add_arguments(parser)
    options = parser.parse_args(sys.argv[1:])
    adoption = Adoption(options.dir, options.in_place, Pins(options), options.progress_seconds)
    return interruptible(lambda: adoption.adopt(options.key))


if __name__ == '__main__':
    run(main)
