"""Unpacks an archive into a folder.

What an archive says is not trusted. Only files come out of it, under names that were checked, with no mode, owner or
time of the archive's; links become files; devices, pipes and what leads out of the folder end the program; and all is
counted against bounds while it is unpacked, because a small archive can hold terabytes of zeros.
"""
import hashlib
import os
import secrets
import shutil
import sys
import time
import unicodedata
import zipfile

from marker import MARKER, STAGING, check_path, parents, sync_directory
from members import Bounded, Damaged, Expanded, Forward, MALFORMED, Member, tar_members, zip_members
from program import FULL, Failure, MIB, TRANSIENT, USAGE, log, os_error_code, readable
from transfer import select

# Without --max-unpacked-bytes: weights hardly shrink, so ten times the archive is far more than a model has.
RATIO, SLACK = 10, 1 << 30
MOST_LINKS_IN_A_ROW = 40  # as Linux follows
LONGEST_NAME, LONGEST_PATH = 255, 1024  # bytes; S3 takes keys of that length


def check_room(folder, needed, why):
    room = os.statvfs(folder.path)
    free = room.f_bavail * room.f_frsize
    if room.f_blocks and needed > free:  # some network mounts tell nothing
        raise Failure(FULL, '%s has room for %s, and %s or more are needed (%s): enlarge it by %s or more'
                      % (folder, readable(free), readable(needed), why, readable(needed - free)))


class Unpacking:
    """One archive on its way into the artifact's folder."""

    def __init__(self, options, folder, archive):
        self.options, self.folder, self.archive = options, folder, archive
        self.place = os.path.join(folder.staging, 'unpacked.' + secrets.token_hex(6))
        self.names = Names(options.strip_components)
        size = os.path.getsize(archive)
        self.most = options.max_unpacked_bytes or RATIO * size + SLACK
        self.bytes = 0  # of all files that were met, taken or not
        self.met = 0
        self.stored = {}  # path in the archive: (path in self.place, size, sha256)
        self.links = {}  # path in the archive: path in the archive
        self.told = time.monotonic()

    def run(self):
        """What the marker says of each file."""
        os.mkdir(self.place)
        try:
            self.unpack()
            self.follow_links()
            return self.publish()
        except OSError as error:
            if os_error_code(error) != FULL:
                raise
            raise Failure(FULL, '%s is full (%s) after %s were unpacked: it must hold the archive (%s) and what it '
                          'unpacks to at once; enlarge it' % (self.folder, error.strerror, readable(self.bytes),
                                                             readable(os.path.getsize(self.archive))))
        finally:
            shutil.rmtree(self.place, ignore_errors=True)

    def unpack(self):
        try:
            with open(self.archive, 'rb') as f:
                for member in self.members(f):
                    self.take(member)
        except NotImplementedError as error:  # a compression that zipfile does not know
            raise Failure(USAGE, 'Python %s cannot unpack this archive: %s' % (sys.version.split()[0], error))
        except MALFORMED as error:
            raise Failure(USAGE, 'the archive cannot be unpacked as %s, and its sha256 is that which was asked for: it '
                          'is damaged where it is published, or another format. %s'
                          % (self.options.unpack, error or type(error).__name__))

    def members(self, f):
        if self.options.unpack == 'zip':
            archive = zipfile.ZipFile(Bounded(f))
            total = sum(info.file_size for info in archive.infolist())
            if total <= self.most:  # otherwise it is told where the bound is met
                check_room(self.folder, total, 'to unpack the archive')
            return zip_members(archive)
        # Besides the content, tar has a header, often two, for each file.
        most = self.most + 4096 * self.options.max_unpacked_files
        return tar_members(Forward(Expanded(f, self.options.unpack), most))

    def take(self, member):
        path = self.names.add(member)
        self.count(member)
        if path is None or member.kind == 'folder' or not self.chosen(path):
            return
        if len(member.target or '') > LONGEST_PATH:
            raise Failure(USAGE, '%s is a link of %d characters' % (member, len(member.target)))
        if member.kind == 'file':
            self.write(member)
        elif member.kind == 'hard link':
            self.links[member.path] = plain(member.target, member)
        elif member.kind == 'symbolic link':
            self.links[member.path] = resolved(member)
        else:
            raise Failure(USAGE, '%s is %s; a model consists of files' % (member, member.kind))

    def chosen(self, path):
        return bool(select([path], self.options.include, self.options.exclude))

    def count(self, member):
        self.met += 1
        if self.met > self.options.max_unpacked_files:
            raise Failure(USAGE, 'the archive holds more than %d files and folders; if that is right, raise '
                          'maxUnpackedFiles (--max-unpacked-files)' % self.options.max_unpacked_files)
        self.add(member.size, member)
        if member.size > MIB:
            check_room(self.folder, member.size, 'for %r of the archive' % member.path)

    def add(self, size, member):
        self.bytes += size
        if size < 0 or self.bytes > self.most:
            raise Failure(USAGE, 'the archive unpacks to more than %s (met at %r); if that is right, raise '
                          'maxUnpackedSize (--max-unpacked-bytes)' % (readable(self.most), member.path))

    def write(self, member):
        digest, left, name = hashlib.sha256(), member.size, self.next_name()
        with open(name, 'xb', buffering=0) as target:
            for block in member.blocks():
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                while block:
                    block = block[target.write(block):]
                self.report()
            os.fsync(target.fileno())
        if left:
            raise Damaged('%s is %s than it says' % (member, 'shorter' if left > 0 else 'longer'))
        self.stored[member.path] = (name, member.size, digest.hexdigest())

    def next_name(self):
        return os.path.join(self.place, str(len(self.stored)))

    def follow_links(self):
        """Makes a file of every link: a folder would keep it, but no bucket can, and it could be bent afterwards."""
        for path, first in self.links.items():
            target, steps = first, 0
            while target in self.links and steps < MOST_LINKS_IN_A_ROW:
                target, steps = self.links[target], steps + 1
            if target not in self.stored:
                raise Failure(USAGE, 'the link %r of the archive leads to %r, which is no file that was taken from it'
                              % (path, first))
            source, size, sha256 = self.stored[target]
            self.add(size, Member(path, 'link', size))
            name = self.next_name()
            try:
                os.link(source, name)
            except OSError:  # not every file system has hard links, and none has them without end
                shutil.copyfile(source, name)
            self.stored[path] = (name, size, sha256)

    def publish(self):
        """Gives every file its name in the artifact."""
        if not self.stored:
            raise Failure(USAGE, 'nothing of the archive is left: %d files and folders were met, with '
                          '--strip-components=%d, include=%s, exclude=%s'
                          % (self.met, self.names.strip, self.options.include, self.options.exclude))
        files = []
        for member, (name, size, sha256) in self.stored.items():
            path = self.names.stripped[member]
            for folder in parents(path):
                if os.path.islink(os.path.join(self.folder.path, folder)):
                    raise Failure(USAGE, '%s in %s is a link; it could lead out of it' % (folder, self.folder))
            final = os.path.join(self.folder.path, path)
            try:
                os.makedirs(os.path.dirname(final), exist_ok=True)
                os.replace(name, final)
            except FileNotFoundError:
                raise Failure(TRANSIENT, '%s has vanished: another copy is at work in %s' % (name, self.folder))
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise Failure(USAGE, '%s: %s; is the folder used by something else?' % (final, error.strerror))
            files.append({'path': path, 'size': size, 'sha256': sha256})
        sync_directory(self.folder.path)
        return sorted(files, key=lambda file: file['path'])

    def report(self):
        if time.monotonic() >= self.told + self.options.progress_seconds:
            self.told = time.monotonic()
            log('unpacking: %d files, %s' % (len(self.stored), readable(self.bytes)))


class Names:
    """The names of all that was met. Two that differ in case or in how an accent is written are refused: where
    such a difference is none, one file would take the other's place."""

    def __init__(self, strip):
        self.strip = strip
        self.stripped = {}  # path in the archive: path in the artifact
        self.known = {}  # path in the artifact, folded: (the path, whether it is a folder)

    def add(self, member):
        """The path in the artifact; None for what has none. The member's own path is brought into its plain form."""
        member.path = plain(member.path, member)
        path = '/'.join(member.path.split('/')[self.strip:])
        if not path:
            return None
        check_path(path)
        if fold(path).startswith((MARKER, STAGING)):
            raise Failure(USAGE, '%s: its name is reserved for the marker of the artifact' % member)
        for folder in parents(path):
            self.claim(folder, True, member)
        self.claim(path, member.kind == 'folder', member)
        self.stripped[member.path] = path
        return path

    def claim(self, path, is_folder, member):
        if fold(path) not in self.known:
            self.known[fold(path)] = (path, is_folder)
            return
        known, was_folder = self.known[fold(path)]
        if known != path:
            raise Failure(USAGE, '%s: %r and %r would be one where the case of letters makes no difference'
                          % (member, path, known))
        if was_folder != is_folder:
            raise Failure(USAGE, '%s: %r is both a file and a folder' % (member, path))
        if not is_folder:
            raise Failure(USAGE, '%s: there are two files %r' % (member, path))


def fold(path):
    return unicodedata.normalize('NFC', unicodedata.normalize('NFC', path).casefold())


def plain(path, member):
    """A name without what tar writes around it: `./a/` is `a`. Refuses one that no file can or should have."""
    while path.startswith('./'):
        path = path[2:]
    path = path.removesuffix('/')
    if path in ('', '.'):
        return ''
    try:
        check_path(path)
    except Failure as failure:
        raise Failure(USAGE, 'in the archive: %s' % failure)
    try:
        longest = max(len(name.encode()) for name in path.split('/'))
    except UnicodeEncodeError:
        raise Failure(USAGE, '%s: the name is not UTF-8' % member)
    if longest > LONGEST_NAME or len(path.encode()) > LONGEST_PATH:
        raise Failure(USAGE, '%s: the name is too long' % str(member)[:300])
    if any(unicodedata.category(letter) == 'Cc' for letter in path):
        raise Failure(USAGE, '%s: the name has control characters' % member)
    return path


def resolved(link):
    """What a symbolic link leads to, as a path in the archive."""
    names = parents(link.path)[-1:]
    names = names[0].split('/') if names else []
    if link.target.startswith('/'):
        raise Failure(USAGE, '%s is a link to %r, out of the archive' % (link, link.target))
    for name in link.target.split('/'):
        if name == '..' and not names:
            raise Failure(USAGE, '%s is a link to %r, out of the archive' % (link, link.target))
        if name == '..':
            names.pop()
        elif name not in ('', '.'):
            names.append(name)
    return '/'.join(names)
