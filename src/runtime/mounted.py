"""Source: a folder that is mounted: of a claim, of a node's disk, or one that another container has filled."""
import os

import pins
from folder import Directory
from program import CHECKSUM, Failure, NOT_FOUND, NO_ACCESS
from transfer import Output, Part, Unproven, shorten


def add_arguments(parser):
    parser.add_argument('--folder', required=True, help='where the files are')
    pins.add_arguments(parser)


def source(options):
    return Mounted(options.folder, pins.Pins(options))


class Mounted(Directory):
    """A folder that is only read."""

    def __init__(self, path, proof):
        super().__init__(path)
        self.proof = proof
        self.seen = {}  # {path: what tells whether the file is changed under the copy}

    def look(self, http):
        chosen, missing = self.proof.choose(self.path)
        if missing:
            raise Failure(NOT_FOUND, '%s does not hold: %s' % (self.path, shorten(missing)))
        self.seen = {path: version(status) for path, (status, _) in chosen.items()}
        outputs = [Output(path, [Part(path, status.st_size, sha256, proof=Unproven(version(status)))])
                   for path, (status, sha256) in chosen.items()]
        return outputs, self.proof.described()

    def read(self, http, part, start, view):
        path = os.path.join(self.path, part.name)
        try:
            super().read(http, part, start, view)
            now = version(os.lstat(path))
        except PermissionError as error:
            raise Failure(NO_ACCESS, 'user %d, group %d cannot read %s: %s'
                          % (os.getuid(), os.getgid(), path, error.strerror))
        except FileNotFoundError:
            raise Failure(NOT_FOUND, '%s was removed while it was copied' % path)
        if now != self.seen[part.name]:
            raise Failure(CHECKSUM, '%s was changed while it was copied; copy it when nothing writes to it' % path)


def version(status):
    return '%d %d %d' % (status.st_ino, status.st_size, status.st_mtime_ns)
