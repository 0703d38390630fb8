"""Source: an archive on a web server (see https.py), of which the artifact is the content.

The archive is brought into the artifact's staging folder, resumable and verified by its sha256, before anything of it
is read. What it holds is unpacked there too and gets its names once the whole of it was good (see unpack.py). So a run
that is killed leaves nothing half, and the next one unpacks anew without fetching anew.
"""
import os
import shutil

import https
from folder import Directory
from members import FORMATS, zstandard
from program import Failure, USAGE, log, positive, readable
from transfer import Transfer, buffers, once
from unpack import RATIO, Unpacking, check_room
from web import Http


def add_arguments(parser):
    https.add_arguments(parser)
    parser.add_argument('--unpack', required=True, choices=FORMATS)
    parser.add_argument('--strip-components', type=int, default=0, metavar='N',
                        help='leave out the first N folders of every path; files that are less deep are left out')
    parser.add_argument('--include', action='append', default=[], metavar='GLOB', help='of what was unpacked')
    parser.add_argument('--exclude', action='append', default=[], metavar='GLOB')
    parser.add_argument('--max-unpacked-bytes', type=positive, help='default: %d times the archive, and 1 GiB' % RATIO)
    parser.add_argument('--max-unpacked-files', type=positive, default=100_000)


def source(options):
    if options.strip_components < 0:
        raise Failure(USAGE, '--strip-components must not be negative')
    if not options.dir:
        raise Failure(USAGE, 'an archive is unpacked into a folder (--dir); put.py brings it into a bucket from there')
    if options.unpack == 'tar.zst':
        zstandard()
    if len(options.url) > 1:
        raise Failure(USAGE, 'one archive alone can be unpacked into an artifact')
    return Archive(https.files(options), options.url)


class Archive(https.Files):
    """An archive that is unpacked. `fetch.py` leaves the storing to it."""

    def store(self, options, folder):
        """Brings the archive to the folder, and unpacks it; returns the result to leave."""
        def bring():
            archive, described, fetched = self.bring(options, folder)
            return Unpacking(options, folder, archive).run(), described, fetched

        return once(options.key, folder, bring)  # which removes the archive once its content is published

    def bring(self, options, folder):
        """(path of the archive in the staging folder, what the marker says of its origin, bytes fetched)"""
        http = Http()
        outputs, described = self.look(http)
        archive = outputs[0]
        archive.path = 'archive'
        staged = Directory(os.path.join(folder.staging, 'download'))
        staged.prepare()
        for name in os.listdir(folder.staging):
            if name.startswith('unpacked.'):  # of a run that was killed
                shutil.rmtree(os.path.join(folder.staging, name), ignore_errors=True)
        present = staged.reserve(outputs)
        if not (options.include or options.exclude):
            # Nothing unpacks to less than the archive; how much more it is, no compressed one tells.
            check_room(folder, 2 * archive.size - present, 'the archive and what it unpacks to are there at once')
        log('%s to %s: an archive of %s, of which %s are there to be checked'
            % (self, folder, readable(archive.size), readable(present)))
        transfer = Transfer(self, staged, outputs, *buffers(options, staged, outputs))
        transfer.run(options.progress_seconds)
        described['source']['unpacked'] = options.unpack
        return os.path.join(staged.path, archive.path), described, http.received + transfer.fetched()
