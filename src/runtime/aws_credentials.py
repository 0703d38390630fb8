"""Who asks S3: keys from the environment, or what AWS gives to the identity of the pod, renewed before it expires."""
import base64
import collections
import datetime
import http.client
import ipaddress
import json
import os
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree as xml

from program import Failure, NO_ACCESS, USAGE, log, secret
from web import Again, Http, Patience, RETRYABLE, overloaded

Keys = collections.namedtuple('Keys', 'access secret session expires', defaults=(None, None))

# Where the agents of EKS (Pod Identity) and ECS listen on a node, by the AWS SDKs' reference guide, «Container
# credential provider». The token of the pod is sent to nobody else over http.
AGENTS = ('169.254.170.23', 'fd00:ec2::23', '169.254.170.2')

AGENT_SECONDS = 5  # the agent is on this node

# What S3 answers to keys that were good once.
EXPIRED = ('ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired')


def credentials(prefix, region):
    """Those of the environment: AWS_ACCESS_KEY_ID and so on with `prefix` before it, or else the pod's identity."""
    names = [prefix + name for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY')]
    access, key = [secret(name) for name in names]
    if access and key:
        return Fixed(Keys(access, key, secret(prefix + 'AWS_SESSION_TOKEN')), 'the keys in %s and %s' % tuple(names))
    if access or key:
        raise Failure(NO_ACCESS, '%s is set and %s is not: the Secret must hold both keys'
                      % tuple(names if access else reversed(names)))
    if os.environ.get('AWS_WEB_IDENTITY_TOKEN_FILE'):
        return Renewed(WebIdentity(region))
    if os.environ.get('AWS_CONTAINER_CREDENTIALS_FULL_URI') or os.environ.get('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'):
        return Renewed(Agent())
    raise Failure(NO_ACCESS, 'no credentials: %s and %s are not set, and the cluster gave this pod no identity '
                  '(neither AWS_WEB_IDENTITY_TOKEN_FILE of IRSA nor AWS_CONTAINER_CREDENTIALS_FULL_URI of EKS Pod '
                  'Identity). Name a credentialsSecret, or a serviceAccount that is bound to a role; a pod that was '
                  'made before that must be made anew' % tuple(names))


class Anonymous:
    """Nobody: requests are not signed."""

    def __str__(self):
        return 'nobody (anonymous: true)'

    def keys(self):
        return None

    def renewed(self, refused):
        return False


class Fixed:
    """Keys of a Secret."""

    def __init__(self, keys, told):
        self.fixed, self.told = keys, told

    def __str__(self):
        return self.told

    def keys(self):
        return self.fixed

    def renewed(self, refused):
        """Whether there are others than those that were refused."""
        return False


class Renewed:
    """Keys that expire, and where to get others: all threads share them."""

    margin = 300  # seconds before their end, or a quarter of the life of those that are short-lived

    def __init__(self, giver):
        self.giver, self.current, self.renewal = giver, None, 0
        self.lock = threading.Lock()

    def __str__(self):
        return str(self.giver)

    def keys(self):
        with self.lock:
            if time.time() >= self.renewal:
                self.renew()
            return self.current

    def renewed(self, refused):
        """Whether there are others than those that were refused."""
        with self.lock:
            if self.current == refused:
                self.current = None
                self.renew()
            return self.current != refused

    def renew(self):
        try:
            self.current = self.giver.obtain()
        except Failure as failure:
            now = time.time()
            if not self.current or now >= self.current.expires:
                raise
            self.renewal = min(now + 30, self.current.expires)
            log('%s; the present keys last for %d s more' % (failure, self.current.expires - now))
            return
        left = self.current.expires - time.time()
        self.renewal = self.current.expires - min(self.margin, left / 4)


class WebIdentity:
    """IAM roles for service accounts: the token that the kubelet keeps fresh is exchanged at AWS STS."""

    def __init__(self, region):
        self.file = os.environ['AWS_WEB_IDENTITY_TOKEN_FILE']
        self.role = os.environ.get('AWS_ROLE_ARN', '')
        self.session = os.environ.get('AWS_ROLE_SESSION_NAME') or 'cdk8s-llm'
        # The pod's own region, which the cluster tells it, is nearer than the bucket's.
        near = os.environ.get('AWS_REGION') or os.environ.get('AWS_DEFAULT_REGION') or region
        suffix = 'amazonaws.com.cn' if near.startswith('cn-') else 'amazonaws.com'
        self.endpoint = os.environ.get('AWS_ENDPOINT_URL_STS') or 'https://sts.%s.%s' % (near, suffix)
        if not self.role:
            raise Failure(NO_ACCESS, 'AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not: annotate the '
                          'ServiceAccount with eks.amazonaws.com/role-arn, and let the pod be made anew')

    def __str__(self):
        return 'the role %s of the pod' % self.role

    def obtain(self):
        patience = Patience('AWS STS at %s' % self.endpoint)
        while True:
            client = Http()
            try:
                return self.ask(client)
            except RETRYABLE as error:
                patience.wait(error)
            finally:
                client.close()

    def ask(self, client):
        token = content_of(self.file)  # read each time: the kubelet replaces it before it expires
        form = urllib.parse.urlencode({
            'Action': 'AssumeRoleWithWebIdentity', 'Version': '2011-06-15', 'RoleArn': self.role,
            'RoleSessionName': self.session, 'WebIdentityToken': token,
        }).encode()
        headers = {'Content-Type': 'application/x-www-form-urlencoded'}
        response = client.open('POST', self.endpoint.rstrip('/') + '/', headers, form)
        answer = response.read()
        try:
            tree = xml.fromstring(answer)
        except xml.ParseError:
            tree = xml.Element('none')
        if response.status != 200:
            self.refuse(response, tree.findtext('.//{*}Code') or '', tree.findtext('.//{*}Message'), token)
        found = [tree.findtext('.//{*}Credentials/{*}' + name) for name in
                 ('AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration')]
        if not all(found):
            raise Failure(USAGE, 'the answer of %s is not that of AWS STS; is AWS_ENDPOINT_URL_STS right?'
                          % self.endpoint)
        return Keys(*found[:3], expires=moment(found[3]))

    def refuse(self, response, code, message, token):
        told = 'AWS STS at %s: HTTP %d %s (%s)' % (self.endpoint, response.status, code, message or response.reason)
        overloaded(response)
        if code == 'ExpiredTokenException':
            raise Again('%s; the kubelet has not replaced %s yet' % (told, self.file), code=NO_ACCESS)
        if code in ('Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'IDPCommunicationError'):
            raise Again(told)
        raise Failure(NO_ACCESS, '%s; let the trust policy of %s allow %s of this cluster\'s identity provider'
                      % (told, self.role, subject(token)))


class Agent:
    """EKS Pod Identity or ECS: an agent on the node gives keys for the token of the pod."""

    def __init__(self):
        relative = os.environ.get('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')
        self.url = 'http://169.254.170.2' + relative if relative else os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']
        parts = urllib.parse.urlsplit(self.url)
        self.https, self.host, self.port = parts.scheme == 'https', parts.hostname or '', parts.port
        self.target = (parts.path or '/') + ('?' + parts.query if parts.query else '')
        if not self.https and not (parts.scheme == 'http' and (self.host in AGENTS or is_loopback(self.host))):
            raise Failure(USAGE, 'AWS_CONTAINER_CREDENTIALS_FULL_URI names %s: over http only the agent of the node '
                          'is asked (%s)' % (self.host, ', '.join(AGENTS)))

    def __str__(self):
        return 'the identity that the agent at %s gives to the pod' % self.host

    def obtain(self):
        patience = Patience('the credentials of the pod at %s' % self.host)
        while True:
            try:
                return self.ask()
            except RETRYABLE as error:
                patience.wait(Again('no answer' if isinstance(error, TimeoutError) else str(error) or repr(error)))

    def ask(self):
        """Not through a proxy: the address is this node's own."""
        if self.https:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=AGENT_SECONDS,
                                                     context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=AGENT_SECONDS)
        try:
            connection.request('GET', self.target, headers={'Accept': 'application/json', **self.authorization()})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            told = 'HTTP %d (%s)' % (response.status, ' '.join(answer.decode(errors='replace').split())[:300])
            if response.status in (408, 429) or response.status >= 500:
                raise Again(told)
            raise Failure(NO_ACCESS, 'the credentials of the pod at %s: %s; is its ServiceAccount associated with a '
                          'role (aws eks list-pod-identity-associations)?' % (self.host, told))
        try:
            found = json.loads(answer)
            return Keys(found['AccessKeyId'], found['SecretAccessKey'], found['Token'], moment(found['Expiration']))
        except (ValueError, KeyError, TypeError):
            raise Failure(USAGE, 'the answer of %s holds no credentials' % self.host)

    def authorization(self):
        file = os.environ.get('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')
        token = content_of(file) if file else secret('AWS_CONTAINER_AUTHORIZATION_TOKEN')
        return {'Authorization': token} if token else {}


def content_of(file):
    try:
        with open(file, encoding='utf-8') as f:
            return f.read().strip()
    except OSError as error:
        raise Failure(NO_ACCESS, 'the token of the pod, %s: %s' % (file, error.strerror))


def moment(text):
    """Seconds since the epoch, of an ISO 8601 time."""
    return datetime.datetime.fromisoformat(text).timestamp()


def subject(token):
    """Whom a token speaks of, such as system:serviceaccount:llm:reader: no secret, as the signature is."""
    try:
        payload = token.split('.')[1]
        return json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))['sub']
    except (IndexError, ValueError, KeyError, TypeError):
        return 'the ServiceAccount of this pod'


def is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
