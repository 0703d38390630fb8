#!/usr/bin/env python3
"""Moves model files and proves that they are whole: fetch, put, verify, await.

One file on the standard library alone, so that any python image (3.11 or newer) runs it, air-gapped, in
0.1 s. Can be killed at any instant and run again; two copies at once do no harm.

How `fetch` works: the Hub's listing at one commit gives path, size and hash of every file. Each worker owns
one buffer and one connection per server, reads one range into its buffer, waits for that file's turn, and
commits it: hash, then append to a `.part` file, or upload as part of an S3 multipart upload. Committing in
order makes the size of the `.part` file the point to resume at, and lets every byte be hashed as it passes.
A file gets its name (or an object becomes visible) once its hash matched; the marker is written last.
`put` does the same from a complete artifact in a folder, which it only reads, to a bucket.

Memory is workers x chunk and about 15 MiB, whatever the size of the model.

Exit codes are an interface (a Job's podFailurePolicy reads them):
  0 complete; 64 usage, 65 checksum, 66 not found, 73 full, 77 no access are final; 75 may be retried.
"""
import argparse
import base64
import collections
import datetime
import email.utils
import errno
import fcntl
import fnmatch
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import ssl
import stat
import sys
import threading
import time
import traceback
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml

USAGE, CHECKSUM, NOT_FOUND, FULL, TRANSIENT, NO_ACCESS = 64, 65, 66, 73, 75, 77

# The manifest that says an artifact is complete. Written last, by an atomic rename.
MARKER = '.artifact.json'
# Files on their way, beside the marker; gone once the artifact is complete.
STAGING = '.artifact.parts'

MIB = 1 << 20
SLICE = 256 * 1024  # handed to or taken from a socket at once; must move within --stall-seconds


# ---------------------------------------------------------------------- what all programs of a pod share


class Failure(Exception):
    """Ends the program with `code` and a message that a person can act on."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def log(message):
    """One line for `kubectl logs`."""
    print(time.strftime('%H:%M:%SZ ', time.gmtime()) + ' '.join(str(message).split()), flush=True)


def leave_result(result):
    """Leaves `result` as JSON where `kubectl get pod -o jsonpath` finds it (at most 4,096 bytes)."""
    path = os.environ.get('TERMINATION_LOG', '/dev/termination-log')
    try:
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(result, f, ensure_ascii=False)
    except OSError:
        pass  # run by hand, outside a pod


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


def run(main):
    """Runs `main()`, which returns the result to leave, and ends the process with the right exit code."""

    def stopped(_signal, _frame):
        raise Failure(TRANSIENT, 'stopped by SIGTERM; what is stored is kept and the next run continues')

    signal.signal(signal.SIGTERM, stopped)
    code = 0
    try:
        leave_result(main())
    except Failure as failure:
        code, message = failure.code, str(failure)
    except OSError as error:
        code, message = os_error_code(error), str(error)
    except Exception as error:
        traceback.print_exc()
        code, message = TRANSIENT, 'a defect of this program, or no memory left: %r' % error
    if code:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        log('FAILED (exit %d): %s' % (code, message))
        short = message.encode()[:3000].decode(errors='ignore')
        leave_result({'error': short, 'code': code, 'retryable': code == TRANSIENT})
    sys.stdout.flush()
    os._exit(code)


def os_error_code(error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return FULL
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NO_ACCESS
    return TRANSIENT


def interruptible(function, limit=None):
    """Runs `function` on a thread, so that SIGTERM is heard even while it hangs in a C call such as DNS.

    After `limit` seconds the thread is left to itself and None is returned.
    """
    outcome = {}

    def target():
        try:
            outcome['result'] = function()
        except BaseException as error:  # handed to the caller below
            outcome['error'] = error

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(limit)
    if 'error' in outcome:
        raise outcome['error']
    return outcome.get('result')


# ---------------------------------------------------------------------------------------------------- HTTP


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


def secret(name):
    """An environment variable, or None; Secrets made by hand often end in a line feed."""
    return os.environ.get(name, '').strip() or None


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


# ------------------------------------------------------------------------------------ what is to be fetched


class Part:
    """A file of the source: where it comes from, and the hash it must have."""

    def __init__(self, name, size, sha256, blob=None):
        pattern = '[0-9a-f]{64}' if sha256 else '[0-9a-f]{40}'
        if not isinstance(size, int) or not re.fullmatch(pattern, sha256 or blob or ''):
            raise Failure(USAGE, 'the source gives no size or hash for %r' % name)
        self.name = name
        self.size = size
        self.sha256 = sha256  # of a large (LFS) file
        self.blob = blob  # of any other: git's own hash
        self.start = 0  # offset in its output
        self.mismatches = 0
        self.output = None
        self.location = None  # the signed link that the Hub redirected to, until it expires
        self.resolving = threading.Lock()

    @property
    def expected(self):
        return self.sha256 or self.blob

    def hasher(self):
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(b'blob %d\0' % self.size, usedforsecurity=False)


class Output:
    """A file of the artifact (a repository file, or several joined), and how far it has come."""

    def __init__(self, path, parts):
        self.path = path
        self.parts = parts
        self.size = 0
        for part in parts:
            part.output, part.start = self, self.size
            self.size += part.size
        self.sha256 = parts[0].sha256 if len(parts) == 1 else None  # if not known before, then once it is whole
        # Whatever decides the bytes, so that another revision never continues this one.
        identity = [path] + [[part.size, part.expected] for part in parts]
        self.identity = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        self.turn = threading.Condition()  # guards all below; chunks are committed in order under it
        self.generation = 0  # grows when the output starts again: what was under way is then void
        self.assigned = 0  # workers have taken all bytes before this one
        self.position = 0  # all bytes before this one are hashed (and, in a folder, written)
        self.stored = 0  # so many bytes are stored
        self.resumed = False
        self.streamer = None  # the only worker that fetches it, when ranges are ignored
        self.restarts = 0
        self.digest = None
        self.handle = None  # the sink's

    def pieces(self, offset, view):
        """The parts that fill `view`, which begins at `offset`: (part, offset in the part, slice of view)."""
        end = offset + len(view)
        for part in self.parts:
            first, last = max(offset, part.start), min(end, part.start + part.size)
            if first < last:
                yield part, first - part.start, view[first - offset:last - offset]


class Mismatch(Exception):
    def __init__(self, part):
        super().__init__('%s: the checksum does not match' % part.name)
        self.part = part


class Digest:
    """Hashes an output from its first byte on, and checks each part at the part's end."""

    def __init__(self, output):
        self.output = output
        # One part with a sha256 needs no second hash of the same bytes.
        self.total = None if output.sha256 else hashlib.sha256()
        self.running = None
        self.at = 0

    def update(self, view):
        for part, offset, piece in self.output.pieces(self.at, view):
            if offset == 0:
                self.running = part.hasher()
            self.running.update(piece)
            if self.total:
                self.total.update(piece)
            self.at += len(piece)
            if offset + len(piece) == part.size and self.running.hexdigest() != part.expected:
                raise Mismatch(part)

    def sha256(self):
        return self.output.sha256 or self.total.hexdigest()


def check_path(path):
    """Refuses a path that could leave the artifact's folder, or hide its marker."""
    names = path.split('/')
    if not path or '\0' in path or '\\' in path or any(name in ('', '.', '..') for name in names):
        raise Failure(USAGE, 'unsafe path: %r' % path)
    if names[0].startswith((MARKER, STAGING)):
        raise Failure(USAGE, 'the path %r is reserved for the marker of the artifact' % path)


def parents(path):
    """The folders above a path: of a/b/c, a and a/b."""
    names = path.split('/')[:-1]
    return ['/'.join(names[:depth]) for depth in range(1, len(names) + 1)]


def select(names, include, exclude):
    """As huggingface_hub does: shell patterns over the whole path, `folder/` means all below it."""

    def any_of(name, patterns):
        return any(fnmatch.fnmatchcase(name, p + '*' if p.endswith('/') else p) for p in patterns)

    return [n for n in names if (not include or any_of(n, include)) and not any_of(n, exclude)]


def shorten(names, most=40):
    return ', '.join(sorted(names)[:most]) + (' and %d more' % (len(names) - most) if len(names) > most else '')


def plan(entries, include, exclude, joins):
    """The outputs, from the Hub's listing. `joins` is {target: [repository file, ...]}."""
    files = {}
    for entry in entries:
        kind, name = entry.get('type'), entry.get('path')
        if kind == 'directory':
            continue
        check_path(name)
        if kind != 'file':
            raise Failure(USAGE, '%r in the repository is a %s, not a file' % (name, kind))
        large = entry.get('lfs') or {}
        files[name] = (large.get('size', entry.get('size')), large.get('oid'), entry.get('oid'))

    missing = [name for names in joins.values() for name in names if name not in files]
    if missing:
        raise Failure(NOT_FOUND, 'to be joined but not in the repository: %s; it has: %s'
                      % (shorten(missing), shorten(files)))
    joined = {name for names in joins.values() for name in names}
    chosen = select([name for name in files if name not in joined], include, exclude)
    if not chosen and (include or not joins):
        raise Failure(NOT_FOUND, 'no file matches include=%s exclude=%s; the repository has: %s'
                      % (include, exclude, shorten(files) or 'no file'))
    outputs = [Output(name, [Part(name, *files[name])]) for name in chosen]
    for target, names in joins.items():
        check_path(target)
        if target in chosen:
            raise Failure(USAGE, 'the file to join into, %r, is itself in the repository' % target)
        outputs.append(Output(target, [Part(name, *files[name]) for name in names]))
    paths = {output.path for output in outputs}
    for path in paths:
        for folder in parents(path):
            if folder in paths:
                raise Failure(USAGE, '%r is both a file and a folder' % folder)
    return outputs


# ---------------------------------------------------------------------------------- source: a Hugging Face Hub


class RangesIgnored(Exception):
    """The server sends the whole file whatever range is asked for."""


class Hub:
    """A model or dataset at one commit of a Hugging Face Hub."""

    def __init__(self, endpoint, kind, repo, revision, token):
        self.endpoint = endpoint.rstrip('/')
        self.origin = origin(self.endpoint)
        self.kind, self.repo, self.revision, self.token = kind, repo, revision, token

    def __str__(self):
        return '%s at %s' % (self.repo, self.revision)

    def api(self, suffix):
        return '%s/api/%ss/%s/%s/%s' % (self.endpoint, self.kind, self.repo, suffix, self.revision)

    def listing(self, http):
        """(what the Hub says of the commit, every entry of its tree)"""
        info, _ = self.get_json(http, self.api('revision'))
        if info.get('sha') != self.revision:
            raise Failure(CHECKSUM, 'asked for commit %s, the Hub answers %s' % (self.revision, info.get('sha')))
        entries, url = [], self.api('tree') + '?recursive=true&expand=false'
        while url:
            page, headers = self.get_json(http, url)
            entries += page
            following = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', headers.get('Link', ''))
            url = urllib.parse.urljoin(url, following.group(1)) if following else None
        return info, entries

    def get_json(self, http, url):
        patience = Patience('the Hub')
        while True:
            try:
                response, at = self.follow(http, url, {})
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
        """The answer after all redirects, and its address. The token goes to the Hub and to nobody else."""
        for _ in range(10):
            at_hub = origin(url) == self.origin
            authorization = {'Authorization': 'Bearer ' + self.token} if self.token and at_hub else {}
            response = http.open('GET', url, {**headers, **authorization})
            commit = response.headers.get('X-Repo-Commit')
            if at_hub and commit and commit != self.revision:
                raise Failure(CHECKSUM, 'asked for commit %s, the Hub serves %s' % (self.revision, commit))
            if response.status not in (301, 302, 303, 307, 308) or not response.headers.get('Location'):
                return response, url
            response.read(MIB)
            # Locations may hold characters that must be quoted.
            location = urllib.parse.quote(response.headers['Location'], safe="%/:=&?~#+!$,;'@()*[]")
            url = urllib.parse.urljoin(url, location)
        raise Again('more than 10 redirects', code=USAGE)

    def refuse(self, response, url):
        """Raises what a bad answer of the Hub means."""
        overloaded(response)
        code = response.headers.get('X-Error-Code', '')
        told = response.headers.get('X-Error-Message') or response.reason
        response.read(MIB)
        token = 'a token was sent' if self.token else 'no token was set (HF_TOKEN)'
        if code == 'GatedRepo':
            raise Failure(NO_ACCESS, '%s is gated: accept its terms at %s/%s with the account of the token; %s (%s)'
                          % (self.repo, self.endpoint, self.repo, token, told))
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, '%s: not found or no access, HTTP %d; %s (%s)' % (self, response.status, token, told))
        if response.status == 404:
            missing = {'RepoNotFound': 'no such %s repository, or no access' % self.kind,
                       'RevisionNotFound': 'no such commit'}.get(code, 'not found')
            raise Failure(NOT_FOUND, '%s: %s; %s (%s, %s)' % (self, missing, token, told, url.split('?')[0]))
        raise Failure(USAGE, '%s: unexpected HTTP %d (%s, %s)' % (self, response.status, told, url.split('?')[0]))

    def address(self, part):
        kind = '' if self.kind == 'model' else self.kind + 's/'
        return '%s/%s%s/resolve/%s/%s' % (self.endpoint, kind, self.repo, self.revision, urllib.parse.quote(part.name))

    def open(self, http, part, first, last):
        """An answer whose body begins at byte `first` of the part, or at 0 if the server ignores ranges."""
        headers = {} if part.output.streamer is http else {'Range': 'bytes=%d-%d' % (first, last)}
        if part.location:
            response, url = self.follow(http, part.location, headers)
        else:
            with part.resolving:  # one worker asks the Hub, whose limit is on such requests, for all
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
                raise Again('HTTP 416: the file is shorter than the Hub says', code=CHECKSUM)
            self.refuse(response, url)
        if response.headers.get('Content-Encoding', 'identity') != 'identity':
            raise Again('the server sends %s though it was asked not to' % response.headers['Content-Encoding'], code=USAGE)
        if response.status == 206:
            found = re.fullmatch(r'bytes (\d+)-(\d+)/(\d+|\*)', response.headers.get('Content-Range', ''))
            if not found or int(found[1]) != first or found[3] not in ('*', str(part.size)):
                raise Again('wrong Content-Range: %s' % response.headers.get('Content-Range'), code=CHECKSUM)
        elif response.length is not None and response.length != part.size:
            raise Again('wrong length: %d bytes, the Hub says %d' % (response.length, part.size), code=CHECKSUM)
        return response

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
                if part.output.streamer is http:
                    http.stream = (part, response, start + done)
                else:
                    response.read(1)  # the end of a chunked answer, after which the connection can be used again
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


# ----------------------------------------------------------------------------------------------- the engine


class Gone(Exception):
    """What was being written has vanished: another copy of this program has taken it over or cleaned up."""


class Transfer:
    """Workers that carry chunks of the outputs from a source (Hub, Directory) to a sink (Directory, Bucket)."""

    def __init__(self, source, sink, outputs, workers, chunk):
        self.source, self.sink, self.outputs, self.chunk = source, sink, outputs, chunk
        self.changed = threading.Condition()  # guards all below; may be taken under an output's turn, not around it
        # Not begun; the largest first, so that no worker is left alone with one at the end.
        self.waiting = collections.deque(sorted(outputs, key=lambda output: (-output.size, output.path)))
        self.ready = collections.deque()  # begun, with chunks that nobody has taken
        self.unfinished = len(outputs)
        self.failure = None
        self.https = [Http() for _ in range(max(1, workers))]

    def run(self, every):
        """Returns when all is stored; a line of progress is logged `every` so many seconds."""
        history = collections.deque([(time.monotonic(), 0)], maxlen=4)  # rates are those of the last 30 s
        for worker in self.https:
            threading.Thread(target=self.work, args=(worker,), daemon=True).start()
        with self.changed:
            while self.unfinished and not self.failure:
                self.changed.wait(max(0.1, history[-1][0] + every - time.monotonic()))
                if time.monotonic() >= history[-1][0] + every:
                    self.report(history)
        if self.failure:
            raise self.failure

    def fetched(self):
        return sum(worker.received for worker in self.https)

    def report(self, history):
        now, fetched = time.monotonic(), self.fetched()
        rate = (fetched - history[0][1]) / (now - history[0][0])
        history.append((now, fetched))
        total = sum(output.size for output in self.outputs)
        done = sum(output.position for output in self.outputs)
        left = time.strftime('%Hh%Mm%Ss', time.gmtime((total - done) / rate)) if rate else 'unknown time'
        log('%5.1f%%, %s of %s, %.1f MiB/s, %s left, %d interruptions'
            % (100 * done / max(1, total), readable(done), readable(total), rate / MIB, left, Patience.interruptions))

    def work(self, http):
        try:
            buffer = memoryview(bytearray(min(self.chunk, max(output.size for output in self.outputs))))
            while True:
                with self.changed:
                    while not (self.ready or self.waiting) and self.unfinished:
                        self.changed.wait()
                    if not self.unfinished:
                        return
                    if self.ready:
                        output = self.ready[0]
                        offset, generation = output.assigned, output.generation
                        output.assigned = min(offset + self.chunk, output.size)
                        if output.streamer:
                            offset, output.assigned, output.streamer = output.position, output.size, http
                        if output.assigned == output.size:
                            self.ready.popleft()
                    else:
                        output, offset = self.waiting.popleft(), None
                if offset is None:
                    self.begin(output)
                else:
                    self.carry(http, output, generation, offset, buffer)
        except BaseException as error:  # the main thread ends the program with it
            with self.changed:
                self.failure = self.failure or error
                self.changed.notify_all()

    def begin(self, output):
        """Finds out how much of the output is stored already, and offers the rest to the workers."""
        with output.turn:
            whole = self.sink.begin(output)
            output.assigned = output.stored = output.position
            output.resumed = output.position > 0
        if whole:
            output.position = output.size
            return self.finished()
        if output.position == output.size:
            return self.finish(output)
        with self.changed:
            self.ready.append(output)
            self.changed.notify_all()

    def carry(self, http, output, generation, offset, buffer):
        """Takes one chunk from the source to the sink; a whole output, chunk by chunk, if ranges are ignored."""
        while True:
            view = buffer[:min(self.chunk, output.size - offset)]
            try:
                for part, start, piece in output.pieces(offset, view):
                    self.source.read(http, part, start, piece)
                self.commit(output, generation, offset, view)
            except RangesIgnored:
                with output.turn:
                    if output.streamer:
                        return
                    output.streamer = http
                with self.changed:
                    if output in self.ready:
                        self.ready.remove(output)
                log('%s: the server ignores ranges, so it is fetched as one stream' % output.path)
            with output.turn:
                if output.streamer is not http or output.generation != generation or output.position == output.size:
                    return
                offset = output.position

    def commit(self, output, generation, offset, view):
        """Hashes and stores a chunk when its turn has come, unless it is void by then."""
        with output.turn:
            while output.generation == generation and output.position < offset:
                output.turn.wait()
            if output.generation != generation or output.position != offset:
                return
            try:
                output.digest.update(view)
            except Mismatch as mismatch:
                return self.mismatch(output, mismatch)
            self.sink.append(output, offset, view)
            handle = output.handle  # of this generation: once the turn is over, the output may begin anew
            output.position += len(view)
            output.turn.notify_all()
        try:
            self.sink.upload(output, handle, offset, view)
        except Gone:
            return self.again(output, generation)
        with output.turn:
            if output.generation != generation:
                return
            output.stored += len(view)
            last = output.stored == output.size
        if last:
            self.finish(output)

    def finish(self, output):
        generation = output.generation
        output.sha256 = output.digest.sha256()
        try:
            self.sink.finish(output)
        except Gone:
            return self.again(output, generation)
        self.finished()

    def finished(self):
        with self.changed:
            self.unfinished -= 1
            self.changed.notify_all()

    def mismatch(self, output, mismatch):
        """Drops a part whose hash is wrong and reads it once more; the second time is the last."""
        if output.resumed:
            output.resumed = False  # the bytes may have been spoilt by the crash of a former run
        else:
            mismatch.part.mismatches += 1
        if mismatch.part.mismatches > 1:
            raise Failure(CHECKSUM, '%s: the checksum is wrong twice; expected %s of %d bytes. The source or the way '
                          'to it spoils data' % (mismatch.part.name, mismatch.part.expected, mismatch.part.size))
        log('%s; reading it again' % mismatch)
        self.sink.drop(output, mismatch.part)
        self.again(output, output.generation)

    def again(self, output, generation):
        """Lets the output begin anew, from what the sink still has of it."""
        with output.turn:
            if output.generation != generation:
                return
            output.generation += 1
            output.position = 0
            output.restarts += 1
            output.turn.notify_all()
            if output.restarts > 5:
                raise Failure(TRANSIENT, '%s: began anew %d times; is another copy at work?' % (output.path, output.restarts))
        with self.changed:
            if output in self.ready:
                self.ready.remove(output)
            self.waiting.appendleft(output)
            self.changed.notify_all()


def readable(size):
    for unit in ('bytes', 'KiB', 'MiB'):
        if size < 1024:
            return '%d bytes' % size if unit == 'bytes' else '%.1f %s' % (size, unit)
        size /= 1024
    return '%.2f GiB' % size


# --------------------------------------------------------------------------------- source and sink: a folder


class Directory:
    """An artifact in a folder, such as the mount of a claim."""

    smallest_chunk = 1

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
                              'fsGroup not set?' % (self.path, os.getuid(), os.getgid(), error.strerror))
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
        try:
            return os.lstat(os.path.join(self.path, path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return -1

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
        if self.size(output.path) == output.size and stat.S_ISREG(os.lstat(final).st_mode):
            digest = Digest(output)
            try:
                for block in blocks(final):
                    digest.update(block)
                output.sha256 = digest.sha256()
                return True
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
        shutil.rmtree(self.staging, ignore_errors=True)

    def abandon(self):
        pass  # what is staged is what the next run continues


def blocks(path):
    buffer = memoryview(bytearray(MIB))
    with open(path, 'rb', buffering=0) as f:
        while count := f.readinto(buffer):
            yield buffer[:count]


# ------------------------------------------------------------------------------------------ sink: an S3 bucket


class Bucket:
    """An artifact below a prefix of an S3 bucket; path-style addresses, every payload signed."""

    smallest_chunk = 5 * MIB
    most_parts = 10_000

    def __init__(self, endpoint, region, bucket, prefix):
        self.endpoint, self.region, self.bucket = endpoint.rstrip('/'), region, bucket
        self.prefix = prefix.strip('/') + '/'
        self.access = secret('AWS_ACCESS_KEY_ID')
        self.secret = secret('AWS_SECRET_ACCESS_KEY')
        self.session = secret('AWS_SESSION_TOKEN')
        self.objects = {}  # key: (size, last modified)
        self.open_uploads = {}  # upload id: key
        self.local = threading.local()
        if not self.access or not self.secret:
            raise Failure(NO_ACCESS, 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set')

    def __str__(self):
        return 's3://%s/%s' % (self.bucket, self.prefix)

    def call(self, method, key='', query=None, body=b'', headers=None, accept=(200, 204, 206)):
        """(status, headers, body) of a request; retried, and refused with the right exit code."""
        if not hasattr(self.local, 'http'):
            self.local.http = Http()
        client, patience = self.local.http, Patience('%s s3://%s/%s' % (method, self.bucket, key))
        payload = hashlib.sha256(body).hexdigest()
        while True:
            try:
                url, signed = self.sign(method, key, query or {}, payload, headers or {})
                response = client.open(method, url, signed, body if method in ('PUT', 'POST') else None)
                answer = response.read()
                # CompleteMultipartUpload may answer 200 and say in the body that it failed.
                failed_late = method == 'POST' and response.status == 200 and b'<Error>' in answer
                if response.status in accept and not failed_late:
                    return response.status, response.headers, answer
                self.refuse(response, answer, method, key)
            except RETRYABLE as error:
                client.close()
                patience.wait(error)

    def refuse(self, response, answer, method, key):
        code, message = xml_text(answer, 'Code'), xml_text(answer, 'Message') or response.reason
        told = '%s s3://%s/%s: HTTP %d %s (%s)' % (method, self.bucket, key, response.status, code or '', message)
        if response.status == 507 or code in ('XMinioStorageFull', 'QuotaExceeded', 'InsufficientCapacity',
                                              'XMinioAdminBucketQuotaExceeded', 'EntityTooLarge'):
            raise Failure(FULL, told)
        if code == 'NoSuchUpload':
            raise Gone
        if response.status in (200, 400) and code in ('InternalError', 'RequestTimeout', 'SlowDown', 'BadDigest',
                                                      'XAmzContentSHA256Mismatch', 'IncompleteBody'):
            raise Again(told)
        overloaded_s3 = response.status in (408, 429) or response.status in (500, 502, 503, 504)
        if overloaded_s3 or response.status == 200 or code == 'OperationAborted':
            raise Again(told, asked_wait(response))
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, told + '; check the keys, their rights on this bucket, and the clock')
        if response.status == 404:
            raise Failure(NOT_FOUND, told)
        if response.status in (301, 307) or code == 'AuthorizationHeaderMalformed':
            raise Failure(USAGE, told + '; is --s3-region %s right?' % self.region)
        raise Failure(USAGE, told)

    def sign(self, method, name, query, payload, headers):
        """(address, headers) by AWS Signature Version 4."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
        parts = urllib.parse.urlsplit(self.endpoint)
        path = urllib.parse.quote('/'.join([parts.path, self.bucket] + ([name] if name else [])), safe='/-_.~')
        encoded = urllib.parse.urlencode(sorted(query.items()), safe='-_.~', quote_via=urllib.parse.quote)
        headers = {**headers, 'host': parts.netloc.rpartition('@')[2], 'x-amz-content-sha256': payload, 'x-amz-date': now}
        if self.session:
            headers['x-amz-security-token'] = self.session
        names = ';'.join(sorted(headers))
        canonical = '\n'.join([method, path, encoded, *('%s:%s' % (n, headers[n]) for n in sorted(headers)), '', names, payload])
        scope = '%s/%s/s3/aws4_request' % (now[:8], self.region)
        text = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ('AWS4' + self.secret).encode()
        for step in (now[:8], self.region, 's3', 'aws4_request', text):
            key = hmac.digest(key, step.encode(), 'sha256')
        headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (
            self.access, scope, names, key.hex())
        return '%s://%s%s%s' % (parts.scheme, parts.netloc, path, '?' + encoded if encoded else ''), headers

    def pages(self, query, item, marks):
        """Every `item` of a listing; `marks` says which fields of an answer continue it: {field: parameter}."""
        while True:
            tree = xml.fromstring(self.call('GET', query={**query, 'prefix': self.prefix})[2])
            for found in tree.iterfind('{*}' + item):
                yield {child.tag.rpartition('}')[2]: child.text or '' for child in found}
            if (tree.findtext('{*}IsTruncated') or '') != 'true':
                return
            query = {**query, **{parameter: tree.findtext('{*}' + field) or '' for field, parameter in marks.items()}}

    def marker(self):
        self.objects = {item['Key']: (int(item['Size']), item['LastModified']) for item in self.pages(
            {'list-type': 2}, 'Contents', {'NextContinuationToken': 'continuation-token'})}
        if self.prefix + MARKER not in self.objects:
            return None
        status, _, body = self.call('GET', self.prefix + MARKER, accept=(200, 404))
        return parse_marker(body) if status == 200 else None

    def damage(self, marker, deep):
        published = self.objects[self.prefix + MARKER][1]
        for file in marker['files']:
            key = self.prefix + file['path']
            if key not in self.objects:
                return Failure(NOT_FOUND, 's3://%s/%s is missing' % (self.bucket, key))
            size, modified = self.objects[key]
            if size != file['size']:
                return Failure(CHECKSUM, 's3://%s/%s has %d bytes instead of %d' % (self.bucket, key, size, file['size']))
            if deep:
                changed = self.sha256(key, size) != file['sha256']
            else:
                changed = modified > published and self.metadata(key).get('sha256') != file['sha256']
            if changed:
                return Failure(CHECKSUM, 's3://%s/%s has changed: its sha256 is not %s' % (self.bucket, key, file['sha256']))
        return None

    def sha256(self, key, size):
        digest, step = hashlib.sha256(), 8 * MIB
        for first in range(0, size, step):
            digest.update(self.call('GET', key, headers={'range': 'bytes=%d-%d' % (first, min(first + step, size) - 1)})[2])
        return digest.hexdigest()

    def metadata(self, key):
        status, headers, _ = self.call('HEAD', key, accept=(200, 404))
        found = {name.lower()[11:]: value for name, value in headers.items() if name.lower().startswith('x-amz-meta-')}
        return found if status == 200 else {}

    def prepare(self):
        """Aborts uploads that killed runs have left: nobody else would, and they cost money."""
        marks = {'NextKeyMarker': 'key-marker', 'NextUploadIdMarker': 'upload-id-marker'}
        for upload in list(self.pages({'uploads': ''}, 'Upload', marks)):
            log('aborting an upload that was left: %s' % upload['Key'])
            self.abort(upload['Key'], upload['UploadId'])

    def reserve(self, outputs):
        return sum(o.size for o in outputs if self.objects.get(self.prefix + o.path, (-1,))[0] == o.size)

    def retract(self):
        if self.prefix + MARKER in self.objects:
            self.call('DELETE', self.prefix + MARKER)

    def begin(self, output):
        """True when the object is there and was verified when it was written."""
        output.position, output.digest, output.handle = 0, Digest(output), None
        key = self.prefix + output.path
        if output.restarts or self.objects.get(key, (-1,))[0] == output.size:
            found = self.metadata(key)
            ours = found.get('source') == output.identity
            if found and (ours or found.get('sha256') == (output.sha256 or '?')):
                output.sha256 = output.sha256 or found.get('sha256') or self.sha256(key, output.size)
                return True
        return False

    def headers(self, output):
        known = {'x-amz-meta-sha256': output.sha256} if output.sha256 else {}
        return {'content-type': 'application/octet-stream', 'x-amz-meta-source': output.identity, **known}

    def append(self, output, offset, view):
        """Under the output's turn: only what must be done in order."""
        if len(view) < output.size and not output.handle:
            answer = self.call('POST', self.prefix + output.path, {'uploads': ''}, headers=self.headers(output))[2]
            upload = xml_text(answer, 'UploadId')
            output.handle = (upload, len(view), {})
            self.open_uploads[upload] = self.prefix + output.path

    def upload(self, output, handle, offset, view):
        if not handle:  # the whole object; a file of one chunk has been verified by now
            output.sha256 = output.digest.sha256()
            self.call('PUT', self.prefix + output.path, body=view, headers=self.headers(output))
            return
        upload, part_size, etags = handle
        number = offset // part_size + 1
        query = {'partNumber': number, 'uploadId': upload}
        etags[number] = self.call('PUT', self.prefix + output.path, query, view)[1]['ETag']

    def drop(self, output, part):
        if output.handle:
            self.abort(self.prefix + output.path, output.handle[0])

    def abort(self, key, upload):
        self.open_uploads.pop(upload, None)
        self.call('DELETE', key, {'uploadId': upload}, accept=(200, 204, 404))

    def finish(self, output):
        key = self.prefix + output.path
        if not output.size:
            self.call('PUT', key, headers=self.headers(output))
        if not output.handle:
            return
        upload, _, etags = output.handle
        parts = ''.join('<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>' % pair for pair in sorted(etags.items()))
        body = ('<CompleteMultipartUpload>%s</CompleteMultipartUpload>' % parts).encode()
        try:
            self.call('POST', key, {'uploadId': upload}, body)
        except Gone:
            # A lost answer to a request that succeeded looks the same as an aborted upload.
            if self.metadata(key).get('source') != output.identity:
                raise
        self.open_uploads.pop(upload, None)

    def publish(self, marker):
        self.call('PUT', self.prefix + MARKER, body=marker_text(marker).encode(), headers={'content-type': 'application/json'})

    def abandon(self):
        """Nothing that costs money is left behind, as far as it can be done within a second."""
        for upload, key in list(self.open_uploads.items()):
            interruptible(lambda: self.abort(key, upload), 0.6)


def xml_text(body, tag):
    try:
        found = xml.fromstring(body)
        return found.findtext('.//{*}' + tag)
    except xml.ParseError:
        return None


# -------------------------------------------------------------------------------------------------- commands


def expect(place, key, code):
    """The marker of the artifact that must be in a folder or bucket; ends with `code` if it is not."""
    marker = place.marker()
    if marker is None:
        raise Failure(code, '%s holds no complete artifact (no %s)' % (place, MARKER))
    if marker.get('key') != key:
        raise Failure(code, '%s holds the artifact with key %s, not %s' % (place, marker.get('key'), key))
    return marker


def complete(sink, key):
    """The marker, if the artifact is there and whole. Another artifact in its place is refused."""
    marker = sink.marker()
    if marker is None:
        return None
    if marker.get('key') != key:
        raise Failure(USAGE, '%s holds the artifact with key %s, not %s; give this one a folder of its own'
                      % (sink, marker.get('key'), key))
    damage = sink.damage(marker, deep=False)
    if damage:
        log('%s; storing what is missing' % damage)
        return None
    return marker


def fetch(options, sink):
    def look():
        hub = Hub(options.endpoint, options.repo_type, options.repo, options.revision, secret('HF_TOKEN'))
        info, entries = hub.listing(Http())
        marker = {
            'format': 1, 'key': options.key, 'licence': licence(info), 'parents': [],
            'source': {'type': 'huggingface', 'endpoint': hub.endpoint, 'repo': options.repo,
                       'repoType': options.repo_type, 'revision': options.revision},
        }
        return hub, plan(entries, options.include, options.exclude, options.join), marker

    return {**store(options, sink, look), 'revision': options.revision}


def put(options, bucket):
    folder = Directory(options.dir)
    marker = expect(folder, options.key, USAGE)  # a retry would not bring it: nothing else writes here

    def look():
        outputs = []
        for file in marker['files']:
            path, size, sha256 = file['path'], file.get('size'), file.get('sha256')
            check_path(path)
            outputs.append(Output(path, [Part(path, size, sha256)]))
        damage = folder.damage(marker, deep=False)
        if damage:
            raise damage
        return folder, outputs, marker

    return store(options, bucket, look)


def store(options, sink, look):
    """Brings an artifact to the sink, or what is missing of it.

    `look()` tells what it is made of: the source, the outputs, and the marker except for its files.
    """
    started = time.monotonic()
    marker, fetched = complete(sink, options.key), 0
    if not marker and sink.prepare():
        marker = complete(sink, options.key)  # another copy was at work, and may have completed it
    if marker:
        log('%s is complete already: %d files, %s' % (sink, len(marker['files']), readable(marker['bytes'])))
    else:
        sink.retract()  # what a marker says of damaged files must not be believed from here on
        source, outputs, marker = look()
        total = sum(output.size for output in outputs)
        present = sink.reserve(outputs)
        log('%s to %s: %d files, %s, of which %s are there to be checked'
            % (source, sink, len(outputs), readable(total), readable(present)))
        transfer = Transfer(source, sink, outputs, *buffers(options, sink, outputs))
        transfer.run(options.progress_seconds)
        files = [{'path': output.path, 'size': output.size, 'sha256': output.sha256} for output in outputs]
        marker = {**marker, 'bytes': total, 'files': sorted(files, key=lambda file: file['path'])}
        sink.publish(marker)
        fetched = transfer.fetched()
        log('complete: %d files, %s, verified; %s fetched' % (len(files), readable(total), readable(fetched)))
    return {'files': len(marker['files']), 'bytes': marker['bytes'], 'fetched': fetched, 'key': options.key,
            'seconds': round(time.monotonic() - started, 1)}


def buffers(options, sink, outputs):
    """(workers, chunk in bytes): what was asked for, or fewer and larger buffers where S3 allows 10,000 parts."""
    chunk = max(options.chunk_mib * MIB, sink.smallest_chunk)
    if isinstance(sink, Bucket):
        chunk = max([chunk] + [-(-output.size // sink.most_parts) for output in outputs])
    return max(1, options.workers * options.chunk_mib * MIB // chunk), chunk


def licence(info):
    card = info.get('cardData') or {}
    found = card.get('license_name') if card.get('license') == 'other' else card.get('license')
    return ', '.join(found) if isinstance(found, list) else found or card.get('license')


def verify(options, sink):
    started = time.monotonic()
    marker = expect(sink, options.key, NOT_FOUND)
    damage = sink.damage(marker, options.deep)
    if damage:
        raise damage
    log('%s: %d files, %s, %s' % (sink, len(marker['files']), readable(marker['bytes']),
                                  'every sha256 is right' if options.deep else 'every size is right'))
    return {'files': len(marker['files']), 'bytes': marker['bytes'], 'key': options.key, 'deep': options.deep,
            'seconds': round(time.monotonic() - started, 1)}


def await_(options, sink):
    """The guard of a consumer: waits for ever, reads sizes alone, and never opens a connection."""
    started, told = time.monotonic(), None
    while True:
        try:
            missing = absent(options, sink)
        except OSError as error:
            missing = '%s to be readable: %s' % (sink, error)
        if not missing:
            log('%s is complete%s' % (sink, ', every host resolves' if options.resolve else ''))
            return {'key': options.key, 'seconds': round(time.monotonic() - started, 1)}
        if told is None or time.monotonic() >= told + 60:
            log('waiting for %s' % missing)
            told = time.monotonic()
        time.sleep(options.every)


def absent(options, sink):
    """The first thing that is missing, in words, or None."""
    marker = sink.marker()
    if marker is None:
        return '%s in %s: not there yet' % (MARKER, sink)
    if marker.get('key') != options.key:
        return 'the artifact with key %s in %s: it holds %s' % (options.key, sink, marker.get('key'))
    for file in marker['files']:
        size = sink.size(file['path'])
        if size != file['size']:
            return '%s in %s: %s' % (file['path'], sink, 'not there' if size < 0 else '%d of %d bytes' % (size, file['size']))
    for host in options.resolve:
        try:
            # DNS alone: a connection that sends nothing would end a distributed-llama worker. IPv4 is all it speaks.
            socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            return 'the name %s: %s' % (host, error.strerror or error)
    return None


# ------------------------------------------------------------------------------------------------ command line


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(USAGE, '%s: %s' % (self.prog, message))


def matching(pattern, what):
    def check(text):
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError('%r is not %s' % (text, what))
        return text

    return check


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError('%r is not a whole number above 0' % text)
    return int(text)


def join(text):
    target, _, names = text.partition('=')
    if not target or not names or '' in names.split(','):
        raise argparse.ArgumentTypeError('%r is not TARGET=PART1,PART2,...' % text)
    return target, names.split(',')


def parse(arguments):
    parser = Parser(prog='artifact.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                    allow_abbrev=False)
    commands = parser.add_subparsers(dest='command', required=True, parser_class=Parser)
    place = Parser(add_help=False)
    place.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    place.add_argument('--dir', help='the folder of the artifact')
    stored = Parser(add_help=False)
    stored.add_argument('--bucket')
    stored.add_argument('--prefix', help='the folder of the artifact in the bucket')
    stored.add_argument('--s3-endpoint', type=matching('https?://[^/]+.*', 'an http(s) address'))
    stored.add_argument('--s3-region', default='us-east-1')
    stored.add_argument('--stall-seconds', type=positive, default=60, help='a silence longer than this ends a request')
    stored.add_argument('--attempts', type=positive, default=8, help='tries without progress before giving up')

    moving = Parser(add_help=False)
    moving.add_argument('--workers', type=positive, default=8)
    moving.add_argument('--chunk-mib', type=positive, default=8)
    moving.add_argument('--progress-seconds', type=positive, default=10)

    one = commands.add_parser('fetch', parents=[place, stored, moving], help='from a Hub into a folder or bucket')
    one.set_defaults(call=fetch)
    one.add_argument('--repo', required=True, type=matching(r'[\w.-]+(/[\w.-]+)?', 'ORG/NAME'))
    one.add_argument('--revision', required=True, type=matching('[0-9a-f]{40}', 'a full commit id (40 hex digits)'))
    one.add_argument('--repo-type', choices=['model', 'dataset'], default='model')
    one.add_argument('--endpoint', type=matching('https?://[^/]+.*', 'an http(s) address'), default='https://huggingface.co')
    one.add_argument('--include', action='append', default=[], metavar='GLOB')
    one.add_argument('--exclude', action='append', default=[], metavar='GLOB')
    one.add_argument('--join', action='append', default=[], type=join, metavar='TARGET=PART1,PART2,...')

    two = commands.add_parser('put', parents=[place, stored, moving], help='from a folder into a bucket')
    two.set_defaults(call=put)

    three = commands.add_parser('verify', parents=[place, stored], help='sizes, or with --deep every sha256')
    three.set_defaults(call=verify)
    three.add_argument('--deep', action='store_true')

    four = commands.add_parser('await', parents=[place], help='waits for the artifact, and for names to resolve')
    four.set_defaults(call=await_, bucket=None)
    four.add_argument('--resolve', action='append', default=[], metavar='HOST')
    four.add_argument('--every', type=positive, default=5, help='seconds')

    options = parser.parse_args(arguments)
    if options.command == 'put':
        if not (options.dir and options.bucket):
            raise Failure(USAGE, 'put needs --dir and --bucket')
    elif bool(options.dir) == bool(options.bucket):
        raise Failure(USAGE, 'give either --dir or --bucket')
    if options.bucket and not (options.s3_endpoint and (options.prefix or '').strip('/')):
        raise Failure(USAGE, '--bucket needs --s3-endpoint and a --prefix')
    joins = getattr(options, 'join', [])
    options.join = dict(joins)
    if len(options.join) != len(joins):
        raise Failure(USAGE, 'two --join with the same target')
    return options


def main():
    options = parse(sys.argv[1:])
    if options.command != 'await':
        Http.stall, Patience.attempts = options.stall_seconds, options.attempts
    if options.bucket:
        place = Bucket(options.s3_endpoint, options.s3_region, options.bucket, options.prefix)
    else:
        place = Directory(options.dir)
    try:
        return interruptible(lambda: options.call(options, place))
    except BaseException:
        place.abandon()
        raise


if __name__ == '__main__':
    run(main)
