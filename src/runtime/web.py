"""HTTP on the standard library: connections, patience with servers that fail, and files read in ranges."""
import base64
import email.utils
import http.client
import json
import random
import re
import ssl
import threading
import time
import urllib.parse
import urllib.request

from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, TRANSIENT, USAGE, log

SLICE = 256 * 1024  # handed to or taken from a socket at once; must move within --stall-seconds


class Again(Exception):
    """A request that may be tried again; `code` is the exit code once patience is out."""

    def __init__(self, message, after=None, code=TRANSIENT):
        super().__init__(message)
        self.after = after
        self.code = code


class Patience:
    """Counts the failures of one transfer that follow each other without progress, and waits between them."""

    attempts = 8  # --attempts
    longest_wait = 900  # seconds; whoever asks for more is asked again by the next run
    interruptions = 0

    def __init__(self, what):
        self.what = what
        self.failures = 0
        self.progressed = False

    def progress(self):
        self.failures = 0
        self.progressed = True

    def wait(self, error):
        """Returns when it is time to try again; raises a Failure when it is not worth trying again."""
        if isinstance(error, ssl.SSLCertVerificationError):
            raise Failure(NO_ACCESS, '%s: the certificate is not trusted (%s); if it is of a private authority, '
                          'set SSL_CERT_FILE to a file that holds it' % (self.what, error.verify_message))
        if isinstance(error, http.client.InvalidURL):
            raise Failure(USAGE, '%s: %s' % (self.what, error))
        if isinstance(error, OSError) and 'Tunnel connection failed: 407' in str(error):
            raise Failure(NO_ACCESS, '%s: the proxy wants a user and password (HTTPS_PROXY)' % self.what)
        reason = str(error) or type(error).__name__
        if isinstance(error, TimeoutError):
            reason = 'no byte for %d s' % Http.stall
        after = getattr(error, 'after', None)
        if after is not None and after > self.longest_wait:
            raise Failure(TRANSIENT, '%s: %s; the server asks to wait %d s' % (self.what, reason, after))
        self.failures += 1
        Patience.interruptions += 1
        if self.failures >= self.attempts:
            raise Failure(getattr(error, 'code', TRANSIENT), '%s: %s (tried %d times)'
                          % (self.what, reason, self.failures))
        delay = min(30, 0.5 * 2 ** (self.failures - 1)) * random.uniform(0.75, 1.25)
        if self.progressed and self.failures == 1:
            delay = 0.1
        if after is not None:
            delay = after + random.uniform(0, 0.2)
        if delay >= 0.3:
            log('%s: %s; again in %.1f s (%d of %d)' % (self.what, reason, delay, self.failures, self.attempts - 1))
        self.progressed = False
        time.sleep(delay)


RETRYABLE = (Again, OSError, http.client.HTTPException)


def origin(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {'https': 443, 'http': 80}.get(parts.scheme)


def asked_wait(response):
    """The seconds a server asks to wait for, or None."""
    value = response.headers.get('Retry-After', '').strip()
    if value.isdigit():
        return int(value)
    try:
        return max(0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        pass
    limit = re.search(r';\s*t=(\d+)', response.headers.get('RateLimit', ''))  # the Hub's own way
    return int(limit.group(1)) if limit and response.status == 429 else None


def overloaded(response):
    """Raises Again for the answers that say: later."""
    if response.status in (408, 429) or response.status >= 500:
        raise Again('HTTP %d %s' % (response.status, response.reason), asked_wait(response))


class Http:
    """The connections of one worker: one per server, kept open, through the proxy that the environment names."""

    stall = 60.0  # --stall-seconds: a silence longer than this ends a request, slowness never does
    _context = None
    _context_lock = threading.Lock()

    def __init__(self):
        self.connections = {}
        self.received = 0  # bytes of files, read from the source
        self.stream = None  # (part, response, position) of a server that ignores Range

    def open(self, method, url, headers, body=None):
        """Sends one request and returns its answer, whose body is still to be read. Follows no redirect."""
        parts = urllib.parse.urlsplit(url)
        server = origin(url)
        if parts.scheme not in ('http', 'https') or not parts.hostname:
            raise Failure(USAGE, 'not an http or https address: %s' % url)
        target = (parts.path or '/') + ('?' + parts.query if parts.query else '')
        headers = {'User-Agent': 'cdk8s-llm-artifact/1', 'Accept-Encoding': 'identity', **headers}
        if body is not None:
            # In slices, because the time limit of a socket is on all that is handed to it at once.
            headers['Content-Length'] = str(len(body))
            body = [body[first:first + SLICE] for first in range(0, len(body), SLICE)]
        while True:
            reused = server in self.connections
            connection = self.connections.get(server) or self._connect(server)
            self.connections[server] = connection
            prefix, more = connection.by_proxy
            try:
                try:
                    connection.request(method, prefix + target, body, {**headers, **more})
                except (BrokenPipeError, ConnectionResetError):
                    if body is None:
                        raise
                    # The server has answered before the end of the body: its answer says why.
                    self.connections.pop(server)
                return connection.getresponse()
            except BaseException as error:
                self.drop(server)
                # A kept connection may be closed by now, or hold the rest of an answer: that is no failure.
                if not (reused and isinstance(error, (ConnectionError, http.client.CannotSendRequest))):
                    raise

    def drop(self, server):
        connection = self.connections.pop(server, None)
        if connection:
            connection.close()

    def close(self):
        for server in list(self.connections):
            self.drop(server)
        self.stream = None

    def _connect(self, server):
        scheme, host, port = server
        proxy = urllib.request.getproxies().get(scheme)
        if proxy and urllib.request.proxy_bypass('%s:%d' % (host, port)):
            proxy = None
        at, headers = (host, port), {}
        if proxy:
            parts = urllib.parse.urlsplit(proxy if '://' in proxy else 'http://' + proxy)
            if parts.scheme != 'http':
                raise Failure(USAGE, 'the proxy %s is not an http:// address' % parts.hostname)
            at = (parts.hostname, parts.port or 80)
            if parts.username:
                pair = '%s:%s' % (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ''))
                headers = {'Proxy-Authorization': 'Basic ' + base64.b64encode(pair.encode()).decode()}
        if scheme == 'http':
            connection = http.client.HTTPConnection(*at, timeout=self.stall)
            connection.by_proxy = ('http://%s:%d' % (host, port) if proxy else '', headers)
            return connection
        with Http._context_lock:
            Http._context = Http._context or ssl.create_default_context()
        connection = http.client.HTTPSConnection(*at, timeout=self.stall, context=Http._context)
        connection.by_proxy = ('', {})
        if proxy:
            connection.set_tunnel(host, port, headers)
        return connection


class RangesIgnored(Exception):
    """The server sends the whole file whatever range is asked for."""


class WebSource:
    """What all sources share whose files are read by HTTP in ranges. `base` is the address of the service itself:
    only what is of this origin is ever sent what `authorization` gives.

    A source of some kind says where its parts are (`address`), and may say more by the methods that follow it.
    """

    service = 'the server'  # in messages

    def __init__(self, base):
        self.origin = origin(base)

    def address(self, part):
        """Where the bytes of a part are."""
        raise NotImplementedError

    def authorization(self, url):
        """The headers of a request to the service itself; never sent to another origin."""
        return {}

    def checked(self, response, url):
        """Raises a Failure when an answer of the service, good or bad, is not of the version that was asked for."""

    def refuse(self, response, url):
        """Raises what a bad answer of the service means, whose body is still to be read."""
        overloaded(response)
        told = '%s: HTTP %d %s (%s)' % (self, response.status, response.reason, url.split('?')[0])
        response.read(MIB)
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, told)
        raise Failure(NOT_FOUND if response.status in (404, 410) else USAGE, told)

    def get_json(self, http, url, headers=None):
        """(what the service answers, the headers of the answer)"""
        patience = Patience(self.service)
        while True:
            try:
                response, at = self.follow(http, url, headers or {})
                if response.status != 200:
                    self.refuse(response, at)
                return json.loads(response.read()), response.headers
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                http.close()
                patience.wait(Again('the answer to %s is not JSON: %s' % (url, error), code=USAGE))
            except RETRYABLE as error:
                http.close()
                patience.wait(error)

    def follow(self, http, url, headers):
        """The answer after all redirects, and its address."""
        for _ in range(10):
            of_service = origin(url) == self.origin
            response = http.open('GET', url, {**headers, **(self.authorization(url) if of_service else {})})
            if of_service:
                self.checked(response, url)
            if response.status not in (301, 302, 303, 307, 308) or not response.headers.get('Location'):
                return response, url
            response.read(MIB)
            # Locations may hold characters that must be quoted.
            location = urllib.parse.quote(response.headers['Location'], safe="%/:=&?~#+!$,;'@()*[]")
            url = urllib.parse.urljoin(url, location)
        raise Again('more than 10 redirects', code=USAGE)

    def open(self, http, part, first, last):
        """An answer whose body begins at byte `first` of the part, or at 0 if the server ignores ranges."""
        headers = {} if part.output.streamer is http else {'Range': 'bytes=%d-%d' % (first, last)}
        if part.location:
            response, url = self.follow(http, part.location, headers)
        else:
            with part.resolving:  # one worker asks the service, whose limit is on such requests, for all
                response, url = self.follow(http, part.location or self.address(part), headers)
                if response.status in (200, 206):
                    part.location = url
        if response.status not in (200, 206):
            if origin(url) != self.origin:
                if part.location == url:
                    part.location = None
                if response.status in (400, 401, 403, 404, 410):
                    # Long files (over 50 GB) that the HTTP bridge cannot serve answer 400 however often one asks.
                    final = USAGE if response.status == 400 and part.size > 50e9 else TRANSIENT
                    raise Again('HTTP %d for a signed link' % response.status, code=final)
            if response.status == 416:
                raise Again('HTTP 416: the file is shorter than %s says' % self.service, code=CHECKSUM)
            self.refuse(response, url)
        if not part.proven:
            self.refuse_change(response, part)
        if response.headers.get('Content-Encoding', 'identity') != 'identity':
            raise Again('the server sends %s though it was asked not to' % response.headers['Content-Encoding'], code=USAGE)
        if response.status == 206:
            found = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+|\*)', response.headers.get('Content-Range', ''))
            if not found or int(found[1]) != first or found[3] not in ('*', str(part.size)):
                raise Again('wrong Content-Range: %s' % response.headers.get('Content-Range'), code=CHECKSUM)
        elif response.length is not None and response.length != part.size:
            raise Again('wrong length: %d bytes, %s says %d' % (response.length, self.service, part.size), code=CHECKSUM)
        return response

    def refuse_change(self, response, part):
        """Two ranges of a file that nothing proves must be of one state of it, as far as the server tells states."""
        found = response.headers.get('ETag') or response.headers.get('Last-Modified')
        with part.resolving:
            part.validator = part.validator or found
        if found and found != part.validator:
            raise Failure(CHECKSUM, '%s has changed while it was read: it was %s, and is %s; run again when nothing writes '
                          'to it' % (part.name, part.validator, found))

    def read(self, http, part, start, view):
        """Fills `view` with the bytes of `part` from `start` on, over as many connections as it takes."""
        patience, done = Patience(part.name), 0
        while done < len(view):
            try:
                if http.stream and http.stream[0] is part and http.stream[2] == start + done:
                    response = http.stream[1]
                else:
                    response = self.open(http, part, start + done, start + len(view) - 1)
                    if response.status == 200:  # the whole part, whatever range was asked for
                        if len(view) < part.size and part.output.streamer is not http:
                            raise RangesIgnored
                        skip(response, start + done, view[done:])
                while done < len(view):
                    count = response.readinto(view[done:done + SLICE])
                    if not count:
                        raise Again('the connection was cut')
                    done += count
                    http.received += count
                    patience.progress()
                if part.output.streamer is http and start + done < part.size:
                    http.stream = (part, response, start + done)
                # Reads the end of a chunked answer too, after which the connection can be used again.
                elif response.read(1):
                    raise Failure(CHECKSUM, '%s is longer than the %d bytes that it should have' % (part.name, part.size))
            except RangesIgnored:
                http.close()
                raise
            except RETRYABLE as error:
                http.close()
                patience.wait(error)


def skip(response, count, scratch):
    while count:
        got = response.readinto(scratch[:min(count, MIB)])
        if not got:
            raise Again('the connection was cut')
        count -= got
