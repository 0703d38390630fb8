"""A store whose artifacts are folders, to remove some of them."""
import fcntl
import os
import secrets
import shutil
import time

from marker import MARKER, STAGING, read_marker, sync_directory
from program import Failure, NOT_FOUND, NO_ACCESS, TRANSIENT, USAGE, log, os_error_code

# Where those who write to the folder of an artifact have their locks: what fetches it, and what converts into it.
WORKSHOPS = (STAGING, '.building')
# A folder on its way out. No artifact has such a name.
EVICTED = '.evicted.'


class FolderStore:
    """The mount of a claim, or a folder of a node's disk."""

    def __init__(self, path, quiet_seconds):
        self.path, self.quiet_seconds = path, quiet_seconds
        self.locks = []  # held until the program ends
        self.without_locks = False
        if not os.path.isdir(path):
            raise Failure(NOT_FOUND, '%s is no folder: is the store mounted there?' % path)

    def __str__(self):
        return self.path

    def at(self, *names):
        return os.path.join(self.path, *names)

    def names(self):
        return sorted(entry.name for entry in os.scandir(self.path)
                      if entry.is_dir(follow_symlinks=False) and not entry.name.startswith('.'))

    def marker(self, name):
        return read_marker(self.at(name))

    def size(self, name):
        return sum(status.st_size for _, status in files_below(self.at(name)))

    def leftovers(self):
        return sorted(name for name in os.listdir(self.path) if name.startswith(EVICTED))

    leftover_size = size

    def hold(self, name, until):
        """Returns once nobody else writes to the folder, and keeps others from it as long as the program runs."""
        for workshop in WORKSHOPS:
            self.wait_for(name, os.path.join(self.at(name), workshop), until)

    def wait_for(self, name, workshop, until):
        told = False
        while not self.lock(name, workshop):
            if time.monotonic() > until:
                raise Failure(TRANSIENT, '%s is being written to: a download or conversion is at work there. Run again '
                              'when it is done' % self.at(name))
            if not told:
                log('%s is being written to; waiting for that to end' % self.at(name))
                told = True
            time.sleep(0.2)

    def lock(self, name, workshop):
        """Whether the lock that writers take is ours."""
        path = os.path.join(workshop, 'lock')
        try:
            make_folder(workshop)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            # Another eviction has removed it; or whoever had the lock has just completed the artifact.
            return not os.path.isdir(self.at(name))
        except OSError as error:
            raise self.refusal(error)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            if not self.without_locks:
                log('%s has no locks (%s); going by when it was written to' % (self.path, error.strerror))
            self.without_locks = True
            return self.is_quiet(name)
        if not is_at(descriptor, path):  # it was another's, who is done
            os.close(descriptor)
            return False
        self.locks.append(descriptor)
        return True

    def is_quiet(self, name):
        """Whether nothing was written to an artifact for long, or it is complete: to a complete one, nobody writes."""
        if self.marker(name) is not None:
            return True
        # The clock of the server, which dates what is written, may be another than ours.
        probe = self.at(name, STAGING, 'evict-%s' % secrets.token_hex(4))
        with open(probe, 'w', encoding='utf-8'):
            now = os.stat(probe).st_mtime
        os.unlink(probe)
        written = [status.st_mtime for path, status in files_below(self.at(name)) if os.path.basename(path) != 'lock']
        return now - max(written, default=0) > self.quiet_seconds

    def remove(self, name):
        """The marker first, then the name, then the bytes: nothing that is half gone looks like an artifact."""
        leftover = '%s%s.%s' % (EVICTED, name, secrets.token_hex(4))
        try:
            try:
                os.unlink(self.at(name, MARKER))
            except FileNotFoundError:
                pass
            sync_directory(self.at(name))
            os.rename(self.at(name), self.at(leftover))
            sync_directory(self.path)
        except FileNotFoundError:
            return  # another eviction has removed it
        except OSError as error:
            raise self.refusal(error)
        self.remove_leftover(leftover)

    def remove_leftover(self, name):
        for attempt in range(5):
            try:
                return shutil.rmtree(self.at(name))
            except FileNotFoundError:  # another eviction removes the same
                if not os.path.lexists(self.at(name)):
                    return None
            except OSError as error:
                # NFS keeps a file under another name as long as a process has it open.
                if attempt == 4 or os_error_code(error) == NO_ACCESS:
                    raise self.refusal(error)
            time.sleep(0.5)
        raise Failure(TRANSIENT, '%s cannot be emptied: something still writes to it' % self.at(name))

    def refusal(self, error):
        if os_error_code(error) == NO_ACCESS:
            return Failure(NO_ACCESS, 'cannot remove from %s as user %d, group %d: %s. Is the volume read-only, '
                           "fsGroup not set, a node's folder not given to this user, or the file of another user?"
                           % (error.filename or self.path, os.getuid(), os.getgid(), error.strerror))
        if isinstance(error, NotADirectoryError):
            return Failure(USAGE, '%s is no folder' % error.filename)
        return error


def make_folder(path):
    try:
        os.mkdir(path)
    except FileExistsError:
        pass


def is_at(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def files_below(folder):
    """(path, state) of each file; what goes meanwhile is left out."""
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            try:
                yield path, os.lstat(path)
            except FileNotFoundError:
                pass
