"""An artifact in a folder, such as the mount of a claim: to write to, to read from, to verify."""
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time

from marker import MARKER, STAGING, STORED, parents, read_marker, stored_size, sync_directory, write_marker
from program import CHECKSUM, FULL, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, log, os_error_code, readable
from transfer import Digest, Gone, Mismatch


class Directory:
    """An artifact in a folder, such as the mount of a claim."""

    smallest_chunk = 1
    most_parts = None  # of a file: no limit

    def __init__(self, path):
        self.path = path
        self.staging = os.path.join(path, STAGING)
        self.leftovers = {}
        self.lock = None

    def __str__(self):
        return self.path

    def marker(self):
        return read_marker(self.path)

    def damage(self, marker, deep):
        """What differs from the marker, or None. Not deep: sizes, and hashes of what is newer than the marker."""
        if os.path.exists(os.path.join(self.path, STORED)):
            return None
        if not deep:
            published = os.stat(os.path.join(self.path, MARKER)).st_mtime_ns
        for file in marker['files']:
            path = os.path.join(self.path, file['path'])
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                return Failure(NOT_FOUND, '%s is missing' % path)
            if not stat.S_ISREG(status.st_mode) or status.st_size != file['size']:
                return Failure(CHECKSUM, '%s has %d bytes instead of %d' % (path, status.st_size, file['size']))
            if (deep or status.st_mtime_ns > published) and self.sha256(path) != file['sha256']:
                return Failure(CHECKSUM, '%s has changed: its sha256 is not %s' % (path, file['sha256']))
        return None

    def sha256(self, path):
        digest = hashlib.sha256()
        for block in blocks(path):
            digest.update(block)
        return digest.hexdigest()

    def read(self, http, part, start, view):
        """Fills `view` with the bytes of `part` from `start` on."""
        path = os.path.join(self.path, part.name)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            while len(view):
                count = os.preadv(descriptor, [view], start)
                if not count:
                    raise Failure(CHECKSUM, '%s is shorter than its marker says' % path)
                http.received += count
                start, view = start + count, view[count:]
        finally:
            os.close(descriptor)

    def prepare(self):
        """Makes sure that this process may write, and writes alone where locks work; True if it had to wait."""
        try:
            os.makedirs(self.staging, exist_ok=True)
            self.lock = os.open(os.path.join(self.staging, 'lock'), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if os_error_code(error) == NO_ACCESS:
                raise Failure(NO_ACCESS, 'cannot write to %s as user %d, group %d: %s; is the volume read-only, or '
                              "fsGroup not set? A node's folder must belong to this user: chown it to %d:%d on the node"
                              % (self.path, os.getuid(), os.getgid(), error.strerror, os.getuid(), os.getgid()))
            raise
        told = 0
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > told + 60:
                    log('another copy is at work in %s; waiting for it' % self.path)
                    told = time.monotonic()
                time.sleep(0.2)
            except OSError as error:
                log('%s has no locks (%s); going on without' % (self.path, error.strerror))
                break
        for name in os.listdir(self.staging) if os.path.isdir(self.staging) else []:
            if name.endswith('.part'):
                self.leftovers.setdefault(name.split('.')[0], []).append(name)
        return told > 0

    def reserve(self, outputs):
        """Checks for room before the first byte; returns how many bytes seem to be there already."""
        present = 0
        for output in outputs:
            sizes = [self.size(os.path.join(STAGING, name)) for name in self.leftovers.get(output.identity, [])]
            if self.size(output.path) == output.size:
                present += output.size
            elif sizes:
                present += min(output.size, max(sizes))
        room = os.statvfs(self.path)
        needed, free = sum(output.size for output in outputs) - present, room.f_bavail * room.f_frsize
        if room.f_blocks and needed > free:  # some network mounts tell nothing
            raise Failure(FULL, '%s has room for %s, and %s are needed: enlarge the claim by %s or more'
                          % (self.path, readable(free), readable(needed), readable(needed - free)))
        return present

    def size(self, path):
        return stored_size(os.path.join(self.path, path))

    def retract(self):
        try:
            os.unlink(os.path.join(self.path, MARKER))
        except FileNotFoundError:
            pass

    def begin(self, output):
        """Sets the output to what is stored of it; True when it is whole under its name."""
        self._close(output)
        final = os.path.join(self.path, output.path)
        self._refuse_links(output.path)
        known = self._known(output)
        if known and self.size(output.path) == output.size and stat.S_ISREG(os.lstat(final).st_mode):
            digest = Digest(output)
            try:
                for block in blocks(final):
                    digest.update(block)
                if output.proven or digest.sha256() == known:
                    output.sha256 = digest.sha256()
                    return True
                log('%s: stored, but it has changed since; fetching it again' % output.path)
            except Mismatch as mismatch:
                log('%s: stored, but its checksum is wrong; fetching it again' % mismatch.part.name)
        output.handle = self._claim(output)
        descriptor, name = output.handle
        if os.fstat(descriptor).st_size > output.size:
            os.ftruncate(descriptor, 0)
        while True:
            output.digest = Digest(output)
            try:
                for block in blocks(os.path.join(self.staging, name)):
                    output.digest.update(block)
                break
            except FileNotFoundError:  # another copy has taken it, or cleaned up
                self._close(output)
                return self.begin(output)
            except Mismatch as mismatch:
                os.ftruncate(descriptor, mismatch.part.start)
        output.position = output.digest.at
        return False

    def _claim(self, output):
        """A `.part` file that no other process has: the leftover of a former run if there is one, renamed.

        Where locks do not work the former owner may be alive. It then writes the same bytes at the same
        offsets, and cannot publish, because the name it would rename is gone.
        """
        os.makedirs(self.staging, exist_ok=True)
        own = '%s.%s.part' % (output.identity, secrets.token_hex(6))
        path = os.path.join(self.staging, own)
        names = self.leftovers.pop(output.identity, [])
        for name in sorted(names, key=lambda name: -self.size(os.path.join(STAGING, name))):
            try:
                os.rename(os.path.join(self.staging, name), path)
                break
            except FileNotFoundError:
                continue
        self.leftovers[output.identity] = [own]
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), own

    def _known(self, output):
        """What a stored file is told by: the source's proof, or what was noted of it by the run that stored it."""
        if output.proven:
            return output.identity
        try:
            with open(os.path.join(self.staging, output.identity + '.note'), encoding='ascii') as f:
                return f.read()
        except FileNotFoundError:
            return None

    def _note(self, output):
        """Before the file gets its name: of a run that is killed between, the note fits no file, and does no harm."""
        path = os.path.join(self.staging, output.identity)
        temporary = '%s.%s.new' % (path, secrets.token_hex(4))
        with open(temporary, 'w', encoding='ascii') as f:
            f.write(output.sha256)
            f.flush()
            os.fsync(f.fileno())
        os.rename(temporary, path + '.note')

    def _refuse_links(self, path):
        for folder in parents(path):
            if os.path.islink(os.path.join(self.path, folder)):
                raise Failure(USAGE, '%s is a link; it could lead out of %s' % (folder, self.path))

    def append(self, output, offset, view):
        while len(view):
            count = os.pwrite(output.handle[0], view, offset)
            offset, view = offset + count, view[count:]

    def upload(self, output, handle, offset, view):
        pass  # append() has written it

    def drop(self, output, part):
        os.ftruncate(output.handle[0], part.start)

    def finish(self, output):
        descriptor, name = output.handle
        os.fsync(descriptor)
        final = os.path.join(self.path, output.path)
        try:
            if not output.proven:
                self._note(output)
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.rename(os.path.join(self.staging, name), final)
        except FileNotFoundError:
            raise Gone
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise Failure(USAGE, '%s: %s; is the folder used by something else?' % (final, error.strerror))
        self._close(output)

    def _close(self, output):
        if output.handle:
            os.close(output.handle[0])
            output.handle = None

    def publish(self, marker):
        for folder in {folder for file in marker['files'] for folder in parents(file['path'])}:
            sync_directory(os.path.join(self.path, folder))
        write_marker(self.path, marker)
        self.tidy()

    def tidy(self):
        """Removes what was staged, once the marker is there: a run may have been killed between the two."""
        shutil.rmtree(self.staging, ignore_errors=True)

    def abandon(self):
        pass  # what is staged is what the next run continues


def blocks(path):
    with open(path, 'rb', buffering=0) as f:
        # To have a MiB cleared for each of thousands of small files takes longer than to read them.
        buffer = memoryview(bytearray(max(1, min(MIB, os.fstat(f.fileno()).st_size))))
        while count := f.readinto(buffer):
            yield buffer[:count]
