"""The marker: the manifest that says an artifact is complete, written last by an atomic rename."""
import errno
import json
import os
import secrets

from program import Failure, USAGE

MARKER = '.artifact.json'
# Files on their way, beside the marker; gone once the artifact is complete.
STAGING = '.artifact.parts'
# Beside the marker where the files that it lists are stored elsewhere already, and so are not gathered here.
STORED = '.artifact.stored'


def read_marker(directory):
    """The marker of a complete artifact, or None."""
    try:
        with open(os.path.join(directory, MARKER), encoding='utf-8') as f:
            return parse_marker(f.read())
    except (FileNotFoundError, NotADirectoryError):
        return None


def parse_marker(text):
    try:
        marker = json.loads(text)
    except ValueError:
        return None
    return marker if isinstance(marker, dict) and 'files' in marker else None


def write_marker(directory, marker):
    """Publishes an artifact: after this returns, the marker and all before it survive a power cut."""
    path = os.path.join(directory, MARKER)
    for name in os.listdir(directory):
        if name.startswith(MARKER + '.') and name.endswith('.tmp'):  # of a run that was killed before the rename
            os.unlink(os.path.join(directory, name))
    temporary = '%s.%s.tmp' % (path, secrets.token_hex(4))
    with open(temporary, 'w', encoding='utf-8') as f:
        f.write(marker_text(marker))
        f.flush()
        os.fsync(f.fileno())
    os.rename(temporary, path)
    sync_directory(directory)


def marker_text(marker):
    return json.dumps(marker, indent=1, sort_keys=True) + '\n'


def sync_directory(directory):
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # some FUSE mounts cannot
            raise
    finally:
        os.close(fd)


def expect(place, key, code):
    """The marker of the artifact that must be in a folder or bucket; ends with `code` if it is not."""
    marker = place.marker()
    if marker is None:
        raise Failure(code, '%s holds no complete artifact (no %s)' % (place, MARKER))
    if marker.get('key') != key:
        raise Failure(code, '%s holds the artifact with key %s, not %s' % (place, marker.get('key'), key))
    return marker


def check_path(path):
    """Refuses a path that could leave the artifact's folder, or hide its marker."""
    names = path.split('/')
    if not path or '\0' in path or '\\' in path or any(name in ('', '.', '..') for name in names):
        raise Failure(USAGE, 'unsafe path: %r' % path)
    if names[0].startswith((MARKER, STAGING, STORED)):
        raise Failure(USAGE, 'the path %r is reserved for the marker of the artifact' % path)


def parents(path):
    """The folders above a path: of a/b/c, a and a/b."""
    names = path.split('/')[:-1]
    return ['/'.join(names[:depth]) for depth in range(1, len(names) + 1)]


def stored_size(path):
    """The size of a file, or -1 if it is not there."""
    try:
        return os.lstat(path).st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1
