"""Source: one version of a model in NVIDIA's NGC, straight from its HTTP API.

What is known of the API, and from where (nothing here was run against NGC itself):
- A key that begins with `nvapi-` is sent as it is; any other is exchanged at the authn service for a token that lasts
  about 15 minutes (the repository ai-dynamo/modelexpress, providers/ngc.rs, `fetch_token`).
- Files and their sizes: .../models/NAME/versions/VERSION/files, in pages (the package ngcsdk 4.36 on PyPI,
  registry/api/models.py `list_files`, and its schemas ModelVersionFileListResponse and File). ngcsdk counts pages
  from 0, modelexpress from 1; so both ends are asked for, and what is told twice is taken once.
- Their sha256, as base64: .../models/NAME/VERSION/files (ngcsdk, `get_direct_download_URL` and its schema
  ArtifactDownloadAllResponse; `use_noncanonical_url` and the files' upload by sha256 show that it is kept since
  storage version V2). Where NGC tells none, the size is all that is checked.
- One file: .../versions/VERSION/files/PATH, which leads to a signed link at another host (many public scripts).
- Some organizations let nobody list (`nim`): there `checksums.blake3` names the files (modelexpress,
  `fetch_files_via_checksum_manifest`). The standard library has no BLAKE3, so it proves nothing here.
- A version takes no more files once its upload is complete (ngcsdk, `validated_storage_version`), but its owner can
  remove it and make another of the same name (`remove_version`).
"""
import base64
import re
import threading
import time
import urllib.parse

from marker import check_path
from probe import told_size
from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, TRANSIENT, USAGE, log, matching, secret
from transfer import Output, Part, Unproven, plan, shorten
from web import Again, Http, Patience, RETRYABLE, WebSource, overloaded

PAGE = 1000
TOKEN_SECONDS = 600
LIST = 'checksums.blake3'


def add_arguments(parser):
    address = matching('https?://[^/]+.*', 'an http(s) address')
    parser.add_argument('--model', required=True, type=matching(r'[\w.-]+(/[\w.-]+){1,2}', 'ORG/NAME or ORG/TEAM/NAME'))
    parser.add_argument('--version', required=True, type=matching(r'[\w.+-]+', 'a version'))
    parser.add_argument('--endpoint', required=True, type=address)
    parser.add_argument('--token-endpoint', required=True, type=address)
    parser.add_argument('--include', action='append', default=[], metavar='GLOB')
    parser.add_argument('--exclude', action='append', default=[], metavar='GLOB')
    parser.add_argument('--file', action='append', default=[], metavar='SHA256:PATH',
                        type=matching('[0-9a-f]{64}:.+', 'SHA256:PATH'), help='a file to take, and what it must be')


def source(options):
    return Model(options)


class Model(WebSource):
    """One version of a model; public ones need no key."""

    service = 'NGC'

    def __init__(self, options):
        super().__init__(options.endpoint)
        self.options = options
        self.pins = {path: sha256 for sha256, path in (pin.split(':', 1) for pin in options.file)}
        org, *team, name = options.model.split('/')
        self.key = secret('NGC_API_KEY')
        self.exchange = None
        if self.key and not self.key.startswith('nvapi-'):
            scope = '/'.join(['group/ngc:' + org, *team])
            self.exchange = Exchange(options.token_endpoint, scope, self.key)
        place = ['org', org, *(['team', *team] if team else []), 'models', name] if self.key else \
            ['models', org, *team, name]
        self.base = '/'.join([options.endpoint.rstrip('/'), 'v2', *place])

    def __str__(self):
        return 'ngc://%s:%s' % (self.options.model, self.options.version)

    def look(self, http):
        """(the outputs, what the marker says of their origin)"""
        sizes, described = self.listing(http)
        hashes = self.hashes(http)
        chosen = self.choose(sizes)
        parts = [self.part(http, name, sizes[name], hashes.get(name)) for name in chosen]
        unproven = [part.name for part in parts if part.sha256 is None]
        if unproven:
            log('NGC tells no sha256 of %s: their sizes alone are checked (pin them by files: {path: sha256})'
                % shorten(unproven, 5))
        return [Output(part.name, [part]) for part in parts], described

    def choose(self, sizes):
        """The names of the files to take."""
        missing = [name for name in self.pins if name not in sizes]
        if missing:
            raise Failure(NOT_FOUND, '%s has no %s; it has: %s' % (self, shorten(missing), shorten(sizes)))
        if self.pins:
            return list(self.pins)
        for name in sizes:
            check_path(name)
        sizeless = dict.fromkeys(sizes, (0, None, None, Unproven()))
        outputs = plan(sizeless, self.options.include, self.options.exclude, {})
        return [output.path for output in outputs]

    def part(self, http, name, size, told):
        pinned = self.pins.get(name)
        if pinned and told and pinned != told:
            raise Failure(CHECKSUM, '%s: the sha256 of %s is %s there, not %s; was the version removed and made anew?'
                          % (self, name, told, pinned))
        if size is None:
            size = self.size(http, name)
        return Part(name, size, pinned or told, proof=Unproven(str(self)))

    def listing(self, http):
        """({path: size, or None where it is not told}, what the marker says of the origin)"""
        origin_of = {'type': 'ngc', 'model': self.options.model, 'version': self.options.version}
        try:
            pages = list(self.pages(http, '%s/versions/%s/files' % (self.base, self.options.version)))
        except Failure as failure:
            names = self.names(http) if failure.code in (NO_ACCESS, USAGE) else None
            if not names:
                raise
            log('%s: NGC does not list the files (%s); taking what %s names' % (self, failure, LIST))
            return dict.fromkeys(names), {'licence': None, 'parents': [], 'source': origin_of}
        sizes = {file.get('path'): file.get('sizeInBytes') for page in pages for file in page.get('modelFiles') or []}
        version = pages[0].get('modelVersion') or {}
        if version.get('status', 'UPLOAD_COMPLETE') != 'UPLOAD_COMPLETE':
            raise Failure(NOT_FOUND, '%s is not complete: its state is %s' % (self, version['status']))
        total = version.get('totalFileCount')
        if isinstance(total, int) and len(sizes) < total:
            raise Failure(TRANSIENT, '%s: NGC lists %d of %d files' % (self, len(sizes), total))
        if not sizes:
            raise Failure(NOT_FOUND, '%s has no files' % self)
        return sizes, {'licence': licence(pages[0]), 'parents': [], 'source': origin_of}

    def hashes(self, http):
        """{path: sha256} as far as NGC tells it."""
        hashes = {}
        try:
            for page in self.pages(http, '%s/%s/files' % (self.base, self.options.version)):
                for name, encoded in zip(page.get('filepath') or [], page.get('sha256_base64') or []):
                    digest = decoded(encoded)
                    if digest:
                        hashes[name] = digest
        except Failure as failure:
            if failure.code == TRANSIENT:
                raise
            log('%s: NGC tells no checksums: %s' % (self, failure))
        return hashes

    def pages(self, http, url):
        """The answers of a listing, page by page."""
        query = '%s?page-size=%d' % (url, PAGE)
        page = self.answer(http, query)
        yield page
        last = (page.get('paginationInfo') or {}).get('totalPages') or 1
        for number in range(1, last + 1) if last > 1 else []:
            yield self.answer(http, '%s&page-number=%d' % (query, number))

    def answer(self, http, url):
        answer, _ = self.get_json(http, url, {'Accept': 'application/json'})
        status = (answer.get('requestStatus') or {}) if isinstance(answer, dict) else {'statusCode': 'no object'}
        if status.get('statusCode', 'SUCCESS') != 'SUCCESS':
            raise Failure(USAGE, '%s: NGC answers %s (%s)'
                          % (self, status['statusCode'], status.get('statusDescription', 'no reason given')))
        return answer

    def names(self, http):
        """The files that checksums.blake3 names, and itself; None where there is none."""
        patience = Patience(LIST)
        while True:
            try:
                response, url = self.follow(http, self.file(LIST), {})
                if response.status != 200:
                    overloaded(response)
                    response.read(MIB)
                    return None
                text = response.read(64 * MIB).decode(errors='replace')
                return [line.split('  ', 1)[1].strip() for line in text.splitlines() if '  ' in line] + [LIST]
            except RETRYABLE as error:
                http.close()
                patience.wait(error)

    def size(self, http, name):
        """The size of a file that no listing tells."""
        patience = Patience(name)
        while True:
            try:
                response, url = self.follow(http, self.file(name), {'Range': 'bytes=0-0'})
                total = told_size(response)
                if total is None and response.status not in (200, 206):
                    self.refuse(response, url)
                http.close()
                if total is None:
                    raise Failure(USAGE, '%s: NGC does not tell the size of %s' % (self, name))
                return total
            except RETRYABLE as error:
                http.close()
                patience.wait(error)

    def file(self, name):
        return '%s/versions/%s/files/%s' % (self.base, self.options.version, urllib.parse.quote(name))

    def address(self, part):
        return self.file(part.name)

    def authorization(self, url):
        if not self.key:
            return {}
        return {'Authorization': 'Bearer ' + (self.exchange.token() if self.exchange else self.key)}

    def checked(self, response, url):
        if self.exchange and response.status < 400:
            self.exchange.worked = True

    def refuse(self, response, url):
        """Raises what a bad answer of NGC means."""
        overloaded(response)
        if response.status == 401 and self.exchange and self.exchange.expire():
            raise Again('HTTP 401: the token has expired', code=NO_ACCESS)
        told = reason(response.read(MIB)) or response.reason
        key = 'the key was sent' if self.key else 'no key was set (apiKeySecret, NGC_API_KEY)'
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, '%s: no access, HTTP %d (%s); %s. Is the key of this organization, does it have '
                          'the service "NGC Catalog" or "Private Registry", and are the terms of the model accepted?'
                          % (self, response.status, told, key))
        if response.status == 404:
            raise Failure(NOT_FOUND, '%s: no such model or version, or no access (%s); %s' % (self, told, key))
        raise Failure(USAGE, '%s: unexpected HTTP %d (%s, %s)' % (self, response.status, told, url.split('?')[0]))


class Exchange(WebSource):
    """Where a legacy key becomes a token."""

    service = 'the token service of NGC'

    def __init__(self, endpoint, scope, key):
        super().__init__(endpoint)
        self.url = '%s/token?%s' % (endpoint.rstrip('/'), urllib.parse.urlencode({'service': 'ngc', 'scope': scope}))
        self.key = key
        self.lock = threading.Lock()  # guards all below
        self.http = Http()
        self.current, self.fetched = None, 0
        self.worked = False  # whether NGC has taken the current token

    def token(self):
        with self.lock:
            if self.current is None or time.monotonic() > self.fetched + TOKEN_SECONDS:
                answer, _ = self.get_json(self.http, self.url, {'Accept': 'application/json'})
                self.current, self.fetched = answer.get('token'), time.monotonic()
                if not self.current:
                    raise Failure(USAGE, '%s answers without a token' % self.service)
            return self.current

    def expire(self):
        """Drops a token that NGC has taken before; whether another one may help."""
        with self.lock:
            worked, self.worked = self.worked, False
            if worked:
                self.current = None
            return worked

    def authorization(self, url):
        pair = base64.b64encode(('$oauthtoken:' + self.key).encode()).decode()
        return {'Authorization': 'Basic ' + pair}

    def refuse(self, response, url):
        overloaded(response)
        told = reason(response.read(MIB)) or response.reason
        raise Failure(NO_ACCESS if response.status in (400, 401, 403) else USAGE,
                      'the API key of NGC was refused by %s: HTTP %d (%s). Make a new one in '
                      'NGC under Setup, API Keys' % (url.split('?')[0], response.status, told))


def decoded(encoded):
    """A sha256 in hexadecimal digits, or None if it is none."""
    try:
        digest = base64.b64decode(encoded or '', validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == 32 else None


def licence(page):
    terms = (page.get('model') or {}).get('licenseTerms') or []
    return ', '.join(term['licenseId'] for term in terms if term.get('licenseId')) or None


def reason(body):
    """What NGC says of a refusal."""
    found = re.search(rb'"(?:statusDescription|message|error)"\s*:\s*"([^"]{1,300})', body)
    return found[1].decode(errors='replace') if found else None
