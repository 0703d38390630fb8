"""What proves the files of a folder that something else has filled: hashes, a manifest, our own marker, or nothing."""
import hashlib
import os
import re
import stat

from marker import MARKER, STAGING, STORED, check_path, expect, parents, parse_marker, read_marker
from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, matching
from transfer import select, shorten

LARGEST_MANIFEST = 64 * MIB
# Types of sources of which a tool copies what it finds below a prefix.
COPIED = ('gcs', 'azureblob')


def add_arguments(parser):
    pins = parser.add_argument_group('what proves the files; one of these')
    pins.add_argument('--file', action='append', default=[], type=matching('[0-9a-f]{64}:.+', 'SHA256:PATH'),
                      metavar='SHA256:PATH', help='a file and the hash that it must have; no others are taken')
    pins.add_argument('--manifest', metavar='PATH', help='%s, or a list as sha256sum writes it' % MARKER)
    pins.add_argument('--artifact', metavar='KEY', help='the files are a complete artifact with this key')
    pins.add_argument('--version', help='the version that the downloader was told, which it vouches for')
    pins.add_argument('--unpinned', action='store_true', help='whatever the folder holds')
    parser.add_argument('--manifest-sha256', type=matching('[0-9a-f]{64}', 'a sha256'))
    parser.add_argument('--include', action='append', default=[], metavar='GLOB')
    parser.add_argument('--exclude', action='append', default=[], metavar='GLOB')
    parser.add_argument('--origin', action='append', default=[], metavar='NAME=VALUE',
                        type=matching(r'\w+=(?s:.*)', 'NAME=VALUE'), help='what the marker says of the source')


class Pins:
    """Which files of a folder make the artifact, and the hash of each as far as it is known."""

    def __init__(self, options):
        given = [name for name in ('file', 'manifest', 'artifact', 'version', 'unpinned') if getattr(options, name)]
        if len(given) != 1 or bool(options.manifest) != bool(options.manifest_sha256):
            raise Failure(USAGE, 'give one of --file, --manifest with --manifest-sha256, --artifact, --version, '
                          '--unpinned; given: %s' % ', '.join(given))
        self.options = options
        self.files = {path: sha256 for sha256, path in (pin.split(':', 1) for pin in options.file)}
        if len(self.files) < len(options.file):
            raise Failure(USAGE, 'two pins of one path')
        self.origin = dict(pair.split('=', 1) for pair in options.origin)
        self.said = {}  # by a marker of ours, of what it lists

    @property
    def own_marker(self):
        """Whether the marker in the folder is what proves it."""
        return bool(self.options.artifact)

    def described(self):
        """What the marker says of the origin."""
        told = {'manifest': self.options.manifest, 'manifestSha256': self.options.manifest_sha256,
                'version': self.options.version, 'pinned': not self.options.unpinned}
        origin = {**self.origin, **{name: value for name, value in told.items() if value is not None}}
        if self.said:
            origin['artifact'] = {'key': self.said.get('key'), 'source': self.said.get('source')}
        return {'licence': self.said.get('licence'), 'parents': [], 'source': origin}

    def expected(self, folder):
        """{path: sha256}, or None where the files themselves are all that is known."""
        if self.files:
            return self.files
        if self.options.manifest:
            return self.manifest(folder, self.options.manifest, self.options.manifest_sha256)
        if self.options.artifact:
            self.said = expect(Marked(folder), self.options.artifact, NOT_FOUND)
            return {file['path']: file['sha256'] for file in self.said['files']}
        return None

    def manifest(self, folder, path, sha256):
        """{path: sha256} of the files that a manifest lists, and of the manifest itself unless it is a marker."""
        content = read_small(folder, path)
        found = hashlib.sha256(content).hexdigest()
        at = os.path.join(folder, path)
        if found != sha256:
            raise Failure(CHECKSUM, '%s has the sha256 %s, and %s is pinned: the files were made anew, or the pin is of '
                          'something else' % (at, found, sha256))
        marker = parse_marker(content)
        if marker:
            self.said = marker
            return {file['path']: file['sha256'] for file in marker['files']}
        return listed(content, path, sha256, at)

    def nothing_in(self, folder):
        """Why a folder is empty, and what to do, as far as is known of who was to fill it."""
        kind, address = self.origin.get('type'), self.origin.get('address')
        if kind == 'custom':
            return ('MODEL_DIR (%s) is empty: the downloader ended well and wrote no file there; is it told to write to '
                    '$(MODEL_DIR)?' % folder)
        if kind in COPIED:
            return '%s is empty: below %s is no object that include and exclude let pass' % (folder, address)
        return '%s is empty; is %s the right folder?' % (folder, address or 'it')

    def choose(self, folder):
        """({path: (status, sha256 or None)}, [paths that are expected and missing])"""
        there = {entry.path: entry for entry in walk(folder)}
        if not there and not self.own_marker:
            raise Failure(NOT_FOUND, self.nothing_in(folder))
        expected = self.expected(folder)
        if expected is None:
            expected = dict.fromkeys(there)
        names = select(list(expected), self.options.include, self.options.exclude)
        if not names:
            raise Failure(NOT_FOUND, '%s: no file matches include=%s exclude=%s; there are: %s' % (
                folder, self.options.include, self.options.exclude, shorten(expected) or 'none'))
        chosen, missing = {}, []
        for path in sorted(names):
            check_path(path)
            for above in parents(path):
                if above in there:  # and so no folder
                    there[above].refuse_what_is_no_file(folder)
            if path in there:
                there[path].refuse_what_is_no_file(folder)
                chosen[path] = (there[path].status, expected[path])
            else:
                missing.append(path)
        return chosen, missing


class Marked:
    """A folder whose marker is asked for."""

    def __init__(self, folder):
        self.folder = folder

    def __str__(self):
        return self.folder

    def marker(self):
        return read_marker(self.folder)


class Entry:
    """Anything but a folder, by its path below the folder that was walked."""

    def __init__(self, path, status):
        self.path, self.status = path, status

    def is_link(self):
        return stat.S_ISLNK(self.status.st_mode)

    def refuse_what_is_no_file(self, folder):
        try:
            self.path.encode()
        except UnicodeEncodeError:
            raise Failure(USAGE, '%s: the name %r is not UTF-8' % (folder, self.path))
        check_path(self.path)
        if self.is_link():
            raise Failure(USAGE, '%s is a symbolic link; an artifact holds files alone, as a link could lead out of it '
                          'and no bucket can store one. Let the tool write the files themselves'
                          % os.path.join(folder, self.path))
        if not stat.S_ISREG(self.status.st_mode):
            raise Failure(USAGE, '%s is no file but a device, pipe or socket' % os.path.join(folder, self.path))


def walk(folder):
    """Every entry below a folder that is no folder itself; what we keep at its top is left out."""
    waiting = ['']
    while waiting:
        at = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, at)) as entries:
                for entry in entries:
                    if not at and entry.name.startswith((MARKER, STAGING, STORED)):
                        continue
                    path = os.path.join(at, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    else:
                        yield Entry(path, entry.stat(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            if not at:
                raise Failure(NOT_FOUND, 'there is no folder %s' % folder)
        except PermissionError as error:
            raise Failure(NO_ACCESS, 'user %d, group %d cannot read %s: %s'
                          % (os.getuid(), os.getgid(), os.path.join(folder, at), error.strerror))


def read_small(folder, path):
    check_path('manifest' if path == MARKER else path)
    at = os.path.join(folder, path)
    try:
        descriptor = os.open(at, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise Failure(NOT_FOUND, 'there is no manifest %s' % at)
    except OSError as error:
        raise Failure(NO_ACCESS if isinstance(error, PermissionError) else USAGE, '%s: %s' % (at, error.strerror))
    with open(descriptor, 'rb') as f:
        content = f.read(LARGEST_MANIFEST + 1)
    if len(content) > LARGEST_MANIFEST:
        raise Failure(USAGE, '%s has more than %d bytes: that is no manifest' % (at, LARGEST_MANIFEST))
    return content


def listed(content, path, sha256, at):
    """{path: sha256} of the files that a list names, below its own folder, and of the list itself."""
    files = {os.path.join(os.path.dirname(path), name): found for name, found in sums(content, at).items()}
    # A list that was made while it was in the folder itself has a wrong sha256 of itself: it was not complete yet.
    return {**files, path: sha256}


def sums(content, at):
    """{path: sha256} of a list as sha256sum writes it, with or without --tag."""
    files = {}
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise Failure(USAGE, '%s is neither a marker nor a list of checksums: it is not UTF-8' % at)
    for number, line in enumerate(lines, 1):
        found = re.fullmatch(r'(?P<sha256>[0-9A-Fa-f]{64}) [ *](?:\./)?(?P<path>.+)', line) or \
            re.fullmatch(r'SHA256 \((?:\./)?(?P<path>.+)\) = (?P<sha256>[0-9A-Fa-f]{64})', line)
        if found and files.setdefault(found['path'], found['sha256'].lower()) == found['sha256'].lower():
            continue
        if line.strip() and not line.startswith('#'):
            raise Failure(USAGE, '%s, line %d: not "SHA256  PATH", or a second sha256 for one path: %r'
                          % (at, number, line[:200]))
    return files
