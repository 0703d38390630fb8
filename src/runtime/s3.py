"""Source: a folder of an S3 bucket, pinned by checksums, by a manifest of them, or by versions."""
import argparse
import concurrent.futures
import hashlib
import itertools
import os.path
import re
import threading

from aws_credentials import Anonymous, credentials
from marker import MARKER, STAGING, STORED, check_path, parse_marker
from pins import LARGEST_MANIFEST, listed
from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, log, matching
from s3_client import NO_BODY, S3
from s3_checksums import Checksum, proof_of
from transfer import Output, Part, select, shorten
from web import WebSource

MOST_HEADS = 16  # asked for at once
MANY = 100  # files, of which the sizes are listed and not asked for one by one
ARCHIVES = ('GLACIER', 'DEEP_ARCHIVE')


def add_arguments(parser):
    parser.add_argument('--source-endpoint', required=True, type=matching('https?://[^/]+.*', 'an http(s) address'))
    parser.add_argument('--source-region', default='us-east-1')
    parser.add_argument('--source-bucket', required=True)
    parser.add_argument('--source-prefix', default='', help='the folder in the bucket')
    parser.add_argument('--source-addressing', choices=['path', 'host'], default='path',
                        help='host: bucket.server/key')
    parser.add_argument('--anonymous', action='store_true', help='the bucket is public: sign nothing')
    parser.add_argument('--requester-pays', action='store_true')
    pins = parser.add_argument_group('exactly one of these')
    pins.add_argument('--manifest', help='an object below the prefix: %s, or a list as sha256sum writes it' % MARKER)
    pins.add_argument('--file', action='append', default=[], type=pinned, metavar='SHA256:PATH')
    pins.add_argument('--version', action='append', default=[], type=pinned, metavar='ID:PATH')
    pins.add_argument('--unpinned', action='store_true', help='whatever is there')
    parser.add_argument('--manifest-sha256', type=matching('[0-9a-f]{64}', 'a sha256'))
    parser.add_argument('--include', action='append', default=[], metavar='GLOB')
    parser.add_argument('--exclude', action='append', default=[], metavar='GLOB')


def pinned(text):
    """(path, what pins it): the path is last, because it may hold anything."""
    pin, _, path = text.partition(':')
    if not pin or not path:
        raise argparse.ArgumentTypeError('%r is not PIN:PATH' % text)
    return path, pin


def source(options):
    given = [name for name in ('manifest', 'file', 'version', 'unpinned') if getattr(options, name)]
    if len(given) != 1 or bool(options.manifest) != bool(options.manifest_sha256):
        raise Failure(USAGE, 'give one of --manifest with --manifest-sha256, --file, --version, --unpinned; given: %s'
                      % (', '.join(given) or 'none'))
    for path, sha256 in options.file:
        if not re.fullmatch('[0-9a-f]{64}', sha256):
            raise Failure(USAGE, '--file %s: %r is not a sha256' % (path, sha256))
    who = Anonymous() if options.anonymous else credentials('SOURCE_', options.source_region)
    s3 = S3(options.source_endpoint, options.source_region, options.source_bucket, who,
            options.source_addressing == 'host', options.requester_pays)
    return S3Source(s3, options)


class S3Source(WebSource):
    """The files below a prefix of a bucket."""

    service = 'the bucket'

    def __init__(self, s3, options):
        super().__init__(s3.base)
        self.s3, self.options = s3, options
        prefix = options.source_prefix.strip('/')
        self.prefix = prefix + '/' if prefix else ''
        self.versions = dict(options.version)  # that are pinned, by path
        self.found_versions = {}
        self.urls = {}  # by path
        self.etags = {}  # by address: of the objects as they were found
        self.said, self.sizes = {}, {}  # by a marker of ours, of what it lists
        self.worker = threading.local()

    def __str__(self):
        return 's3://%s/%s' % (self.s3.bucket, self.prefix)

    # ------------------------------------------------------------------------------------------ what there is

    def look(self, http):
        """(the outputs, what the marker says of their origin)"""
        meant = self.meant()
        chosen = select(meant, self.options.include, self.options.exclude)
        if not chosen:
            raise Failure(NOT_FOUND, '%s: no file matches include=%s exclude=%s; there are: %s' % (
                self, self.options.include, self.options.exclude, shorten(meant) or 'none'))
        parts = self.parts({name: meant[name] for name in chosen})
        for part in parts:
            if part.size != self.sizes.get(part.name, part.size):
                raise Failure(CHECKSUM, '%s%s has %d bytes instead of %d: it was changed after its marker was written'
                              % (self, part.name, part.size, self.sizes[part.name]))
        unproven = [part.name for part in parts if not part.proven]
        if unproven:
            log('the server tells nothing but the size by which these could be checked on their way: %s'
                % shorten(unproven, 5))
        return [Output(part.name, [part]) for part in parts], self.described()

    def described(self):
        told = {'type': 's3', 'endpoint': self.options.source_endpoint, 'bucket': self.s3.bucket, 'prefix': self.prefix,
                'manifest': self.options.manifest, 'manifestSha256': self.options.manifest_sha256,
                'pinned': not self.options.unpinned, 'versions': self.found_versions or None}
        if self.said:
            told['artifact'] = {'key': self.said.get('key'), 'source': self.said.get('source')}
        source = {name: value for name, value in told.items() if value is not None}
        return {'licence': self.said.get('licence'), 'parents': [], 'source': source}

    def meant(self):
        """{path: its sha256, or None}: the files, before include and exclude."""
        options = self.options
        if options.manifest:
            return self.manifest()
        given = options.file or options.version
        if given:
            if len(dict(given)) < len(given):
                raise Failure(USAGE, 'two pins of one path')
            return dict(given) if options.file else dict.fromkeys(self.versions)
        names = [item['Key'][len(self.prefix):] for item in self.listing()]
        # `folder/` is what consoles make to show a folder; a marker speaks of the place it is in, and not of a copy.
        kept = (MARKER, STAGING, STORED)
        files = [name for name in names if name and not name.endswith('/') and not name.startswith(kept)]
        if not files:
            raise Failure(NOT_FOUND, '%s: no objects below that prefix, which is taken as a folder' % self)
        return dict.fromkeys(files)

    def manifest(self):
        """{path: sha256}, from the manifest whose own sha256 is known."""
        key, expected = self.prefix + self.options.manifest, self.options.manifest_sha256
        size = self.size_of(key, self.s3.call('HEAD', key)[1])
        if size > LARGEST_MANIFEST:
            raise Failure(USAGE, 's3://%s/%s has %d bytes: that is no manifest' % (self.s3.bucket, key, size))
        body = self.s3.call('GET', key)[2]
        if hashlib.sha256(body).hexdigest() != expected:
            body = self.s3.call('GET', key)[2]  # it may have been spoilt on its way
        found = hashlib.sha256(body).hexdigest()
        if found != expected:
            raise Failure(CHECKSUM, 's3://%s/%s has the sha256 %s, and %s is pinned: what lies there was made anew, or '
                          'the pin is of something else' % (self.s3.bucket, key, found, expected))
        marker = parse_marker(body)
        if not marker:
            return listed(body, self.options.manifest, expected, key)
        self.said = marker
        try:
            self.sizes = {file['path']: file['size'] for file in marker['files']}
            return {file['path']: file['sha256'] for file in marker['files']}
        except (KeyError, TypeError):
            raise Failure(USAGE, 's3://%s/%s is neither a marker nor a list of checksums' % (self.s3.bucket, key))

    def parts(self, sha256s):
        """The files as they are in the bucket now; asked for several at once, and none any more after one failed."""
        for name in sha256s:
            check_path(name)
        listed = self.listed(sha256s) if len(sha256s) > MANY and all(sha256s.values()) else {}
        pool = concurrent.futures.ThreadPoolExecutor(min(MOST_HEADS, self.options.workers))
        try:
            return list(pool.map(lambda name: listed.get(name) or self.part(name, sha256s[name]), sha256s))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def listing(self):
        return self.s3.pages(self.prefix, {'list-type': 2}, 'Contents', {'NextContinuationToken': 'continuation-token'})

    def listed(self, sha256s):
        """{path: part} of those that a listing tells enough of: a thousand with one request, where it is allowed."""
        found = {}
        try:
            # Not on and on where the folder holds much else.
            for item in itertools.islice(self.listing(), 2 * len(sha256s) + 1000):
                name = item['Key'][len(self.prefix):]
                if name in sha256s and item.get('StorageClass') not in ARCHIVES:
                    url = self.s3.url(item['Key'])
                    self.urls[name], self.etags[url] = url, item.get('ETag')
                    found[name] = Part(name, int(item['Size']), sha256s[name])
        except Failure as failure:
            if failure.code != NO_ACCESS:
                raise
            log('%s; asking for each file by itself' % failure)
        return found

    def part(self, name, sha256):
        """A file as a request of its own tells of it; fails where it is not there, or cannot be read."""
        key, version = self.prefix + name, self.versions.get(name)
        query = {'versionId': version} if version else {}
        headers = self.s3.call('HEAD', key, query, headers={} if sha256 else {'x-amz-checksum-mode': 'ENABLED'})[1]
        size, found = self.size_of(key, headers), headers.get('x-amz-version-id')
        if version and found != version:
            raise Failure(USAGE, 's3://%s/%s: version %s is pinned, and the server answers with %s; does the bucket '
                          'keep versions?' % (self.s3.bucket, key, version, found or 'none'))
        if found and found != 'null':
            self.found_versions[name] = found
        if is_archived(headers):
            raise self.s3.archived(key)
        url = self.s3.url(key, query)
        self.urls[name], self.etags[url] = url, headers.get('ETag')
        if sha256:
            return Part(name, size, sha256)
        proof = proof_of(headers, lambda count: self.part_size(key, query, size, count))
        if type(proof) is Checksum and proof.algorithm == 'sha256':
            return Part(name, size, proof.expected)  # and so the file is hashed once, and not twice
        return Part(name, size, proof=proof)

    def size_of(self, key, headers):
        size = headers.get('Content-Length', '')
        if not size.isdigit():
            raise Failure(USAGE, 's3://%s/%s: the server does not tell its size' % (self.s3.bucket, key))
        return int(size)

    def part_size(self, key, query, size, count):
        """The size of all parts but the last, in which the object was uploaded; None where they differ."""
        status, headers, _ = self.s3.call('HEAD', key, {**query, 'partNumber': 1}, accept=(200, 206, 400, 416))
        first = headers.get('Content-Length', '') if status in (200, 206) else ''
        if not first.isdigit() or headers.get('x-amz-mp-parts-count') != str(count):
            return None
        return int(first) if (count - 1) * int(first) < size <= count * int(first) else None

    # --------------------------------------------------------------------------------------------- its bytes

    def address(self, part):
        return self.urls[part.name]

    def authorization(self, url):
        self.worker.keys = self.s3.who.keys()
        match = self.etags.get(url)
        return {**self.s3.signed(self.worker.keys, 'GET', url, NO_BODY, {}), **({'if-match': match} if match else {})}

    def checked(self, response, url):
        """Of another state of the object than the first bytes, no byte is taken."""
        if response.status in (301, 302, 303, 307, 308):
            self.refuse(response, url)
        expected, found = self.etags.get(url), response.headers.get('ETag')
        if response.status in (200, 206) and expected and found and found != expected:
            raise Failure(CHECKSUM, 's3://%s/%s has changed while it was read: its ETag was %s, and is %s; run again '
                          'when nothing writes there' % (self.s3.bucket, self.s3.key_of(url), expected, found))
        # The bytes are taken as they are stored, whatever who stored them has noted of them.
        del response.headers['Content-Encoding']

    def refuse(self, response, url):
        self.s3.refuse(response, response.read(MIB), 'GET', self.s3.key_of(url), self.worker.keys)


def is_archived(headers):
    archived = headers.get('x-amz-storage-class') in ARCHIVES or headers.get('x-amz-archive-status')
    return archived and 'ongoing-request="false"' not in headers.get('x-amz-restore', '')
