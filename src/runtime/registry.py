"""The OCI distribution protocol, as far as pulling goes: manifests, blobs, and how to be let in.

Facts: spec.md of opencontainers/distribution-spec, and for tokens the page "Token Authentication Specification" of the
registry Distribution. What registries do besides is noted where it is met.
"""
import base64
import fnmatch
import hashlib
import json
import re
import threading
import urllib.parse

from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, log, matching, secret
from transfer import Part
from web import Again, Patience, RETRYABLE, WebSource, asked_wait, origin, overloaded

INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']
MANIFESTS = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json']

MOST_OF_A_MANIFEST = 4 * MIB  # what the specification asks registries to take
NOT_HERE = (400, 404, 405)  # not every registry knows manifests by their digest; Hugging Face answers 400

# One registry under several names: whoever has credentials for one of them means all.
ALIASES = {'index.docker.io': 'docker.io', 'registry-1.docker.io': 'docker.io', 'hf.co': 'huggingface.co'}


def add_arguments(parser):
    parser.add_argument('--registry', required=True, metavar='HOST', help='as in the name of the image; for people')
    parser.add_argument('--repo', required=True, type=matching(r'[\w.-]+(/[\w.-]+)*', 'a repository'))
    parser.add_argument('--tag', type=matching(r'\w[\w.-]{0,127}', 'a tag'))
    parser.add_argument('--digest', type=matching('sha256:[0-9a-f]{64}', 'sha256:<64 hex digits>'))
    parser.add_argument('--endpoint', type=matching('https?://[^/@]+.*', 'an http(s) address'))


class Registry(WebSource):
    """A manifest in a repository of a registry, and its blobs. Credentials: DOCKER_CONFIG_JSON."""

    service = 'the registry'
    shelves = ('manifests', 'blobs')  # where manifests are found by their digest

    def __init__(self, options):
        if not (options.tag or options.digest):
            raise Failure(USAGE, 'give a --digest, or a --tag whose content may change')
        self.name = '%s/%s' % (options.registry, options.repo)
        self.tag, self.digest = options.tag, options.digest
        parts = urllib.parse.urlsplit(options.endpoint or 'https://' + options.registry)
        # A mirror that keeps each upstream below a folder of its own.
        self.repo = '/'.join([*filter(None, parts.path.split('/')), options.repo])
        self.base = '%s://%s/v2/%s' % (parts.scheme, parts.netloc, self.repo)
        super().__init__(self.base)
        self.access = Access(parts.scheme, parts.netloc, self.repo)

    def __str__(self):
        return '%s%s%s' % (self.name, ':' + self.tag if self.tag else '', '@' + self.digest if self.digest else '')

    def address(self, part):
        return '%s/blobs/sha256:%s' % (self.base, part.sha256)

    def authorization(self, url):
        return self.access.headers()

    def follow(self, http, url, headers):
        """As of WebSource, and lets itself in: registries say only when asked whom they want to see."""
        tries = 5  # a token may serve the other workers and have expired before it is this one's turn
        while True:
            used, tries = self.access.token, tries - 1
            response, at = super().follow(http, url, headers)
            if origin(at) != self.origin or response.status < 400:
                self.access.accept(used)
                return response, at
            if not tries or not self.access.may_help(response.status, used):
                return response, at
            body = response.read(MIB)
            if not self.access.renew(http, response, used):
                return Answered(response, body), at

    def refuse(self, response, url):
        """Raises what a bad answer of the registry means."""
        told = reason_of(response, response.read(MIB))
        if response.status == 429:
            raise Again('%s; %s' % (told, self.access), asked_wait(response))
        overloaded(response)
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, '%s: not found or no access, %s; %s' % (self, told, self.access))
        if response.status in (404, 410):
            raise Failure(NOT_FOUND, '%s: not found, %s, %s' % (self, told, url.split('?')[0]))
        raise Failure(USAGE, '%s: unexpected %s, %s' % (self, told, url.split('?')[0]))

    def get(self, http, path, accept=(), most=MOST_OF_A_MANIFEST, expected=None, missing=()):
        """The body of a small answer, whose sha256 must be the expected one; None for a status in `missing`."""
        patience, wrong = Patience('%s of %s' % (path, self.name)), 0
        while True:
            try:
                headers = {'Accept': ', '.join(accept)} if accept else {}
                response, at = self.follow(http, '%s/%s' % (self.base, path), headers)
                if response.status in missing:
                    response.read(MIB)
                    return None
                if response.status != 200:
                    self.refuse(response, at)
                body = response.read(most + 1)
                if len(body) > most:
                    http.close()
                    raise Failure(USAGE, '%s: %s is larger than %d bytes' % (self, path, most))
                if response.length:
                    raise Again('the connection was cut')
                found = 'sha256:' + hashlib.sha256(body).hexdigest()
                if expected in (None, found):
                    return body
                wrong += 1
                if wrong > 1:
                    raise Failure(CHECKSUM, '%s: asked for %s, twice the registry sent %s. The registry or the way to '
                                  'it spoils data' % (self, expected, found))
                raise Again('asked for %s, the registry sent %s' % (expected, found))
            except RETRYABLE as error:
                http.close()
                patience.wait(error)

    def manifest(self, http, reference=None):
        """(the manifest or index that is asked for, its digest); `reference` is the digest of one in an index."""
        body = self.by_digest(http, reference or self.digest) if reference or self.digest else self.by_tag(http)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get('schemaVersion') != 2:
            raise Failure(USAGE, '%s is no manifest of version 2, but: %r' % (self, body[:80]))
        return found, reference or self.digest or 'sha256:' + hashlib.sha256(body).hexdigest()

    def by_tag(self, http, missing=()):
        return self.get(http, 'manifests/' + self.tag, INDEXES + MANIFESTS, missing=missing)

    def by_digest(self, http, digest):
        body = None
        for shelf in self.shelves:
            if body is None:
                accept = INDEXES + MANIFESTS if shelf == 'manifests' else ()
                body = self.get(http, '%s/%s' % (shelf, digest), accept, expected=digest, missing=NOT_HERE)
        if body is None and self.tag and digest == self.digest:
            body = self.by_tag(http, missing=NOT_HERE)
            found = body and 'sha256:' + hashlib.sha256(body).hexdigest()
            if found and found != digest:
                raise Failure(CHECKSUM, 'the tag %s of %s has moved: it names %s now, and no longer %s, which the '
                              'registry has no more. To take what it names now, change the digest of the source'
                              % (self.tag, self.name, found, digest))
        if body is None:
            raise Failure(NOT_FOUND, '%s has no manifest %s%s; was it deleted, or is it in another repository?'
                          % (self.name, digest, ', and no tag %s' % self.tag if self.tag else ''))
        return body

    def part(self, name, descriptor):
        """A blob, from what a manifest says of it."""
        found = re.fullmatch('sha256:([0-9a-f]{64})', str(descriptor.get('digest')))
        if not found:
            raise Failure(USAGE, '%s: the digest of %s is %r, not a sha256' % (self, name, descriptor.get('digest')))
        return Part(name, descriptor.get('size'), found[1])


class Answered:
    """An answer whose body has been read."""

    def __init__(self, response, body):
        self.status, self.reason, self.headers, self.body = response.status, response.reason, response.headers, body

    def read(self, _most=None):
        return self.body


def reason_of(response, body):
    """What an answer says of itself: {"errors": [{"code", "message"}]}, or text."""
    told = 'HTTP %d %s' % (response.status, response.reason)
    try:
        found = json.loads(body)
        errors = found.get('errors') or [{'message': found.get('error_description') or found.get('error')
                                          or found.get('details') or found.get('message')}]
        words = ['%s %s' % (error.get('code') or '', error.get('message') or '') for error in errors]
    except (ValueError, AttributeError, TypeError):
        words = [body[:200].decode(errors='replace')] if not body.lstrip().startswith(b'<') else []
    more = ' '.join('; '.join(words).split())
    return '%s (%s)' % (told, more[:300]) if more else told


# ------------------------------------------------------------------------------------------ who may pull


class Token:
    """What a token server gave."""

    def __init__(self, value):
        self.value = value
        self.accepted = False


class Access:
    """How to be let in: what the registry asks for (its challenge), and the credentials for it, if there are any."""

    def __init__(self, scheme, host, repo):
        self.scheme, self.host, self.repo = scheme, host, repo
        self.credentials, self.others = find_credentials(secret('DOCKER_CONFIG_JSON'), host, repo)
        self.challenge = None  # (scheme, parameters)
        self.token = None
        self.basic = False
        self.renewing = threading.Lock()

    def __str__(self):
        """For messages: what was tried, and what could be."""
        if self.credentials:
            return 'the credentials of the pull Secret for %s were used' % self.credentials['key']
        if self.others is None:
            return 'no credentials are set (pullSecret)'
        return no_entry(self.host, self.repo, self.others)

    def headers(self):
        token = self.token
        if token:
            return {'Authorization': 'Bearer ' + token.value}
        return {'Authorization': self.basic_value()} if self.basic else {}

    def basic_value(self):
        pair = '%s:%s' % (self.credentials['user'], self.credentials['password'])
        return 'Basic ' + base64.b64encode(pair.encode()).decode()

    def accept(self, used):
        """A token that was let in: when it no longer is, it has expired, and another one will help."""
        if used:
            used.accepted = True

    def may_help(self, status, used):
        """Whether an answer may be another one with another token."""
        if status == 401:
            return used is None or used.accepted or self.token is not used
        # ECR Public answers 400, and no challenge, to a token that has expired (aws/containers-roadmap#2835).
        return status in (400, 403) and used is not None and used.accepted

    def renew(self, http, response, used):
        """Makes ready for another try; False if there is nothing else to try."""
        with self.renewing:  # one worker asks the token server for all
            if self.token is not used:
                return True
            self.challenge = challenge_of(response) or self.challenge
            scheme, parameters = self.challenge or (None, {})
            given = self.credentials or {}
            if scheme == 'basic':
                ready, self.basic = self.basic, bool(given.get('user'))
                return self.basic and not ready
            if scheme != 'bearer' or (used and given.get('registry_token')):
                return False
            self.token = Token(given.get('registry_token') or self.ask(http, parameters))
            return True

    def ask(self, http, parameters):
        """A token from the server that the challenge names."""
        realm = parameters.get('realm', '')
        parts = urllib.parse.urlsplit(realm)
        if not parts.hostname or parts.scheme not in ('https', self.scheme):
            raise Failure(USAGE, '%s sends us for a token to %r, which is no address by %s'
                          % (self.host, realm, self.scheme))
        scopes = (parameters.get('scope') or 'repository:%s:pull' % self.repo).split()
        query = [('service', parameters['service'])] if 'service' in parameters else []
        given = self.credentials or {}
        if given.get('identity_token'):
            form = {'grant_type': 'refresh_token', 'refresh_token': given['identity_token'], 'client_id': 'cdk8s-llm',
                    'scope': ' '.join(scopes), **dict(query)}
            body = urllib.parse.urlencode(form).encode()
            headers = {'Content-Type': 'application/x-www-form-urlencoded'}
            response = http.open('POST', realm, headers, body)
        else:
            more = urllib.parse.urlencode(query + [('scope', scope) for scope in scopes])
            headers = {'Authorization': self.basic_value()} if given.get('user') else {}
            response = http.open('GET', realm + ('&' if parts.query else '?') + more, headers)
        body = response.read(MIB)
        if response.status in (408, 429) or response.status >= 500:
            raise Again('the token server %s: %s' % (parts.hostname, reason_of(response, body)), asked_wait(response))
        if response.status != 200:
            code = NO_ACCESS if response.status in (400, 401, 403, 404) else USAGE
            raise Failure(code, 'the token server %s gives no token for %s/%s: %s. The repository does not exist, or '
                          'is not public; %s' % (parts.hostname, self.host, self.repo, reason_of(response, body), self))
        try:
            found = json.loads(body)
            value = found.get('token') or found.get('access_token')
        except (ValueError, AttributeError):
            value = None
        if not isinstance(value, str) or not value or not value.isprintable():
            raise Again('the token server %s sends no token' % parts.hostname, code=USAGE)
        return value


def challenge_of(response):
    """(scheme, parameters) of the WWW-Authenticate that we can answer, or None."""
    for header in response.headers.get_all('WWW-Authenticate') or []:
        found = re.search(r'(?i)(?:^|,)\s*(basic|bearer)\b(.*)', header)
        if found:
            parameters = re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', found[2])
            return found[1].lower(), {name.lower(): quoted or plain for name, quoted, plain in parameters}
    return None


def find_credentials(text, host, repo):
    """(the entry of a Docker config file that fits best, the names of all), or (None, None) without such a file."""
    if not text:
        return None, None
    try:
        auths = json.loads(text)['auths']
        entries = {str(key): dict(entry) for key, entry in auths.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        # What it holds is not shown: it is a Secret.
        raise Failure(USAGE, 'the pull Secret is not of the form {"auths": {"<registry>": {...}}}; make it with: '
                      'kubectl create secret docker-registry') from None
    fitting = [key for key in entries if fits(key, host, repo)]
    if not fitting:
        log(no_entry(host, repo, entries))
        return None, list(entries)
    key = max(fitting, key=len)
    entry = entries[key]
    user, password = entry.get('username') or '', entry.get('password') or ''
    if entry.get('auth'):
        try:
            user, _, password = base64.b64decode(entry['auth']).decode().partition(':')
        except (ValueError, TypeError):
            raise Failure(USAGE, 'the pull Secret: "auth" of %s is not base64 of user:password' % key) from None
    return {'key': key, 'user': user, 'password': password, 'identity_token': entry.get('identitytoken'),
            'registry_token': entry.get('registrytoken')}, list(entries)


def no_entry(host, repo, entries):
    return 'the pull Secret has no entry for %s/%s, but for: %s' % (host, repo, ', '.join(entries) or 'none')


def fits(key, host, repo):
    """Whether an entry is for this repository. As the kubelet matches them (Kubernetes' documents, "Images",
    "Interpretation of config.json"): `*` stands for a part of the host, a path for all repositories below it."""
    wanted, _, path = re.sub('^https?://', '', key).rstrip('/').partition('/')
    if path in ('v1', 'v2'):  # as `docker login` writes it for Docker Hub
        path = ''
    labels, given = [ALIASES.get(name, name).split('.') for name in (wanted, host)]
    same = len(labels) == len(given) and all(map(fnmatch.fnmatchcase, given, labels))
    return same and (repo + '/').startswith(path + '/' if path else '')
