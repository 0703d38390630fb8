"""A client of the S3 protocol: requests are signed, retried, and refused with the right exit code."""
import hashlib
import hmac
import threading
import time
import urllib.parse
import xml.etree.ElementTree as xml

from aws_credentials import EXPIRED, credentials
from program import CHECKSUM, FULL, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE
from transfer import Gone
from web import Again, Http, Patience, RETRYABLE, asked_wait

NO_BODY = hashlib.sha256(b'').hexdigest()

STORE_IS_FULL = ('XMinioStorageFull', 'QuotaExceeded', 'InsufficientCapacity', 'XMinioAdminBucketQuotaExceeded',
                 'EntityTooLarge')
# What servers answer with 200 or 400 though it may go well the next time.
TRY_AGAIN = ('InternalError', 'RequestTimeout', 'SlowDown', 'BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody',
             'Throttling', 'ThrottlingException')
WRONG_KEYS = ('InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'InvalidClientTokenId')


class S3:
    """A bucket; its connections are those of the thread that calls."""

    def __init__(self, endpoint, region, bucket, who=None, in_host=False, requester_pays=False):
        """`who` asks (see aws_credentials.py), by default the keys in AWS_...; `in_host`: bucket.server/key"""
        self.region, self.bucket = region, bucket
        self.who = who or credentials('', region)
        parts = urllib.parse.urlsplit(endpoint.rstrip('/'))
        host = parts.netloc.rpartition('@')[2]
        self.base = '%s://%s' % (parts.scheme, '%s.%s' % (bucket, host) if in_host else host)
        self.path = parts.path + ('' if in_host else '/' + bucket)
        self.payer = {'x-amz-request-payer': 'requester'} if requester_pays else {}
        self.local = threading.local()

    def url(self, key='', query=None):
        encoded = urllib.parse.urlencode(sorted((query or {}).items()), safe='-_.~', quote_via=urllib.parse.quote)
        path = urllib.parse.quote(self.path + ('/' + key if key else ''), safe='/-_.~') or '/'
        return self.base + path + ('?' + encoded if encoded else '')

    def key_of(self, url):
        return urllib.parse.unquote(urllib.parse.urlsplit(url).path[len(urllib.parse.quote(self.path)):]).lstrip('/')

    def call(self, method, key='', query=None, body=b'', headers=None, accept=(200, 204, 206)):
        """(status, headers, body) of a request; retried, and refused with the right exit code."""
        if not hasattr(self.local, 'http'):
            self.local.http = Http()
        client, name = self.local.http, key or (query or {}).get('prefix', '')
        patience = Patience('%s s3://%s/%s at %s' % (method, self.bucket, name, self.base))
        payload, url = self.hash(body), self.url(key, query)
        while True:
            try:
                keys = self.who.keys()
                signed = self.signed(keys, method, url, payload, headers or {})
                response = client.open(method, url, signed, body if method in ('PUT', 'POST') else None)
                answer = response.read()
                # CompleteMultipartUpload may answer 200 and say in the body that it failed.
                failed_late = method == 'POST' and response.status == 200 and b'<Error>' in answer
                if response.status in accept and not failed_late:
                    return response.status, response.headers, answer
                if method == 'HEAD' and response.status < 500:
                    # It is refused without a word. This is too, with all that is to be said of it.
                    one_byte = {**(headers or {}), 'range': 'bytes=0-0'}
                    self.call('GET', key, query, headers=one_byte, accept=(200, 206, 416))
                    raise Again('HTTP %d, and yet it can be read' % response.status, code=USAGE)
                self.refuse(response, answer, method, name, keys)
            except RETRYABLE as error:
                client.close()
                patience.wait(error)

    def hash(self, body):
        """What the signature says of a body. TLS protects it on its way; another hash costs half as much."""
        if len(body) > MIB and self.base.startswith('https:'):
            return 'UNSIGNED-PAYLOAD'
        return hashlib.sha256(body).hexdigest()

    def refuse(self, response, answer, method, key, keys):
        """Raises what a bad answer means; `keys` are those that the request was signed with."""
        status, code = response.status, xml_text(answer, 'Code') or ''
        reason = ' '.join(['HTTP %d' % status, *([code] if code else []), '(%s)' % (
            xml_text(answer, 'Message') or response.reason)])
        told = '%s s3://%s/%s: %s' % (method, self.bucket, key, reason)
        if status == 507 or code in STORE_IS_FULL:
            raise Failure(FULL, told)
        if code == 'NoSuchUpload':
            raise Gone
        if code in EXPIRED:
            if self.who.renewed(keys):
                raise Again(reason + '; the keys have been renewed')
            raise Failure(NO_ACCESS, told + '; %s are no longer valid: put new ones into the Secret' % self.who)
        if code in TRY_AGAIN or code == 'OperationAborted' or status in (200, 408, 429, 500, 502, 503, 504):
            raise Again(reason, asked_wait(response))
        if status in (301, 302, 307) or code in ('AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'):
            raise Failure(USAGE, told + self.elsewhere(response, answer))
        if status == 412:
            raise Failure(CHECKSUM, told + '; the object has changed since it was listed: run again when '
                          'nothing writes there')
        if code == 'InvalidObjectState':
            raise self.archived(key)
        if status in (401, 403) or code in WRONG_KEYS or code.startswith('KMS.'):
            raise Failure(NO_ACCESS, told + self.why_not(response, code))
        if code == 'NoSuchBucket':
            raise Failure(NOT_FOUND, told + '; the server asked is %s' % self.base)
        if status in (404, 405):  # 405: the version that is asked for says that the object was deleted
            raise Failure(NOT_FOUND, told)
        raise Failure(USAGE, told)

    def archived(self, key):
        return Failure(NO_ACCESS, 's3://%s/%s is archived (Glacier), and cannot be read. Bring it back for some days '
                       "with: aws s3api restore-object --bucket %s --key '%s' --restore-request Days=7; and run again "
                       'when that is done, in minutes to two days' % (self.bucket, key, self.bucket, key))

    def elsewhere(self, response, answer):
        found = response.headers.get('x-amz-bucket-region') or xml_text(answer, 'Region')
        if found and found != self.region:
            return '; the bucket is in region %s: set that, with an endpoint of that region' % found
        server = xml_text(answer, 'Endpoint')
        return '; is region %s right, and the server %s?%s' % (
            self.region, self.base, ' It names %s' % server if server else '')

    def why_not(self, response, code):
        """What to look at when the server knows who asks, or not, and says no."""
        if code == 'RequestTimeTooSkewed':
            return '; the clock of this node is wrong: it says %s, the server %s' % (
                time.strftime('%d %b %Y %H:%M:%S GMT', time.gmtime()), response.headers.get('Date'))
        if code in WRONG_KEYS:
            return '; check %s: they are not those that %s knows' % (self.who, self.base)
        return '; check what %s may do with this bucket and its KMS key; where listing is not allowed, S3 says the ' \
            'same of a key that does not exist' % self.who

    def signed(self, keys, method, url, payload, headers):
        """The headers of a request, with AWS Signature Version 4; without it where nobody asks."""
        headers = {**headers, **self.payer}
        if not keys:
            return headers
        now = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
        parts = urllib.parse.urlsplit(url)
        headers = {**headers, 'host': parts.netloc, 'x-amz-content-sha256': payload, 'x-amz-date': now}
        if keys.session:
            headers['x-amz-security-token'] = keys.session
        names = ';'.join(sorted(headers))
        lines = ['%s:%s' % (name, headers[name]) for name in sorted(headers)]
        canonical = '\n'.join([method, parts.path, parts.query, *lines, '', names, payload])
        scope = '%s/%s/s3/aws4_request' % (now[:8], self.region)
        text = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ('AWS4' + keys.secret).encode()
        for step in (now[:8], self.region, 's3', 'aws4_request', text):
            key = hmac.digest(key, step.encode(), 'sha256')
        headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (
            keys.access, scope, names, key.hex())
        return headers

    def pages(self, prefix, query, item, marks):
        """Every `item` of a listing below a prefix; `marks` is {field of an answer: parameter that continues it}."""
        # Keys may hold characters that XML cannot.
        query = {'encoding-type': 'url', **query, 'prefix': prefix}
        while True:
            answer = self.call('GET', query=query)[2]
            try:
                tree = xml.fromstring(answer)
            except xml.ParseError:
                raise Failure(USAGE, '%s answers a listing of s3://%s/%s with something that is not XML; is that an S3 '
                              'server?' % (self.base, self.bucket, prefix))
            encoded = tree.findtext('{*}EncodingType') == 'url'
            text = urllib.parse.unquote_plus if encoded else str
            for found in tree.iterfind('{*}' + item):
                fields = {child.tag.rpartition('}')[2]: child.text or '' for child in found}
                yield {**fields, 'Key': text(fields['Key'])}
            if (tree.findtext('{*}IsTruncated') or '') != 'true':
                return
            for field, parameter in marks.items():
                value = tree.findtext('{*}' + field) or ''
                query = {**query, parameter: text(value) if field.endswith('KeyMarker') else value}


def xml_text(body, tag):
    try:
        found = xml.fromstring(body)
        return found.findtext('.//{*}' + tag)
    except xml.ParseError:
        return None
