"""Source: files on web servers, each pinned by its sha256."""
import hashlib
import posixpath
import re
import urllib.parse

from probe import told_size
from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, log, matching, secret
from transfer import Output, Part
from web import Again, Patience, RETRYABLE, WebSource, origin, overloaded

# As much of a file as is read to see that it is one; login pages say what they are within it.
FIRST = 1024


def add_arguments(parser):
    parser.add_argument('--url', action='append', required=True,
                        type=matching(r'https?://[^/@\s]+/\S*', 'an http(s) address'),
                        help='a file; --sha256 and --path are of the files in the same order')
    parser.add_argument('--sha256', action='append', required=True, type=matching('[0-9a-f]{64}', 'a sha256'))
    parser.add_argument('--path', action='append', default=[], help="the file's path in the artifact; "
                        'default: the last part of its address')
    parser.add_argument('--token-header', default='Authorization',
                        type=matching('[A-Za-z0-9-]+', 'the name of a header'),
                        help='the header that SOURCE_TOKEN is sent in; as `Bearer` if it is Authorization')


def source(options):
    return Files(files(options), options.url)


def files(options):
    """The files that the options name."""
    paths = options.path or [last_part(url) for url in options.url]
    if not len(options.url) == len(options.sha256) == len(paths):
        raise Failure(USAGE, '%d --url, %d --sha256 and %d --path do not go together'
                      % (len(options.url), len(options.sha256), len(options.path)))
    token = secret('SOURCE_TOKEN')
    if token and len({origin(url) for url in options.url}) > 1:
        raise Failure(USAGE, 'SOURCE_TOKEN is set, and the files are on several servers: whose token is it?')
    headers = {}
    if token:
        bearer = options.token_header.lower() == 'authorization'
        headers = {options.token_header: 'Bearer ' + token if bearer else token}
    return [WebFile(url, sha256, path, headers) for url, sha256, path in zip(options.url, options.sha256, paths)]


def last_part(url):
    return posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))


def shown(url):
    """An address as logs and markers may hold it: a query can be a credential."""
    return url.split('?')[0].split('#')[0]


class Files:
    """Several files, each from where it is."""

    def __init__(self, files, urls):
        self.files, self.urls = files, urls
        self.of = {}  # part: file

    def __str__(self):
        return shown(self.urls[0]) + (' and %d more files' % (len(self.urls) - 1) if len(self.urls) > 1 else '')

    def look(self, http):
        """(the outputs, what the marker says of their origin)"""
        outputs = []
        for file in self.files:
            part = file.part(http)
            self.of[part] = file
            outputs.append(Output(file.path, [part]))
        return outputs, {'licence': None, 'parents': [],
                         'source': {'type': 'https', 'files': [file.described() for file in self.files]}}

    def read(self, http, part, start, view):
        self.of[part].read(http, part, start, view)


class WebFile(WebSource):
    """A file at an address; `headers` let us in, and are sent to its own server alone."""

    def __init__(self, url, sha256, path, headers):
        super().__init__(url)
        self.url, self.sha256, self.path, self.headers = url, sha256, path, headers

    def __str__(self):
        return shown(self.url)

    def described(self):
        return {'url': shown(self.url), 'sha256': self.sha256, 'path': self.path}

    def address(self, part):
        return self.url

    def authorization(self, url):
        return self.headers

    def refuse(self, response, url):
        """Raises what a bad answer means."""
        overloaded(response)
        response.read(MIB)
        told = '%s: HTTP %d %s' % (self, response.status, response.reason)
        if shown(url) != shown(self.url):
            told += ' from %s, to which it leads' % shown(url)
        if response.status in (401, 403, 407):
            raise Failure(NO_ACCESS, '%s; %s' % (told, 'the token was refused: is it valid, and for this file?'
                                                 if self.headers else 'no token was set (tokenSecret, SOURCE_TOKEN)'))
        if response.status in (404, 410):
            raise Failure(NOT_FOUND, '%s; is the address right%s?' % (told, '' if self.headers else
                          ', and public? Some servers say so to who sends no token'))
        raise Failure(USAGE, told)

    def part(self, http):
        """The file, once its size is known."""
        size = self.size(http)
        return Part(self.path or str(self), size, self.sha256)

    def size(self, http):
        patience = Patience(str(self))
        while True:
            try:
                response, url = self.follow(http, self.url, {'Range': 'bytes=0-%d' % (FIRST - 1)})
                if response.status not in (200, 206) and told_size(response) is None:
                    self.refuse_at(response, url)
                return self.size_of(response, http)
            except RETRYABLE as error:
                http.close()
                patience.wait(error)

    def refuse_at(self, response, url):
        """A server's refusal is final; that of another one, to which it led with a link, may be of the link alone."""
        if origin(url) == self.origin:
            self.refuse(response, url)
        try:
            self.refuse(response, url)
        except Failure as failure:
            raise Again(str(failure), code=failure.code)

    def size_of(self, response, http):
        encoding = response.headers.get('Content-Encoding', 'identity')
        if encoding != 'identity':
            raise Failure(USAGE, '%s: the server sends it as %s though it was asked not to, so that its sha256 cannot '
                          'be checked' % (self, encoding))
        total = told_size(response)
        first = response.read(FIRST)
        self.refuse_page(response, first)
        if total is None:
            return self.measure(http)
        if response.status == 200:
            http.close()  # the rest of the file is not wanted yet
        else:
            response.read(1)  # the end of a chunked answer
        return total

    def refuse_page(self, response, first):
        """A web page where a file should be is what servers send to who must log in first, or is lost."""
        is_page = re.match(rb'(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body)\b', first, re.IGNORECASE)
        if is_page and not re.search(r'\.x?html?$', urllib.parse.urlsplit(self.url).path, re.IGNORECASE):
            title = re.search(rb'<title[^>]*>([^<]*)', first, re.IGNORECASE)
            raise Failure(NO_ACCESS, '%s: the server sends a web page%s instead of the file: a login, a page of terms, '
                          'or "not found". Take the address of the file itself, %s'
                          % (self, ' (%r)' % title[1].decode(errors='replace').strip() if title else '',
                             'and check the token' if self.headers else 'and give a token if it is not public'))

    def measure(self, http):
        """The size of a file of which the server does not tell it: read once, and read again to be stored."""
        log('%s: the server does not tell the size; the file is read once to measure it' % self)
        patience, scratch, mismatches = Patience(str(self)), memoryview(bytearray(MIB)), 0
        while True:
            http.close()
            try:
                size, digest = 0, hashlib.sha256()
                response, url = self.follow(http, self.url, {})
                if response.status != 200:
                    self.refuse_at(response, url)
                while count := response.readinto(scratch):
                    size += count
                    digest.update(scratch[:count])
                http.received += size
                if digest.hexdigest() == self.sha256:
                    return size
                mismatches += 1
                if mismatches > 1:
                    raise Failure(CHECKSUM, '%s: the checksum is wrong twice; expected %s, found %s'
                                  % (self, self.sha256, digest.hexdigest()))
                log('%s: the checksum does not match; reading it again' % self)
            except RETRYABLE as error:
                patience.wait(error)
