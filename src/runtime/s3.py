"""A client of the S3 protocol: path-style addresses, every payload signed."""
import datetime
import hashlib
import hmac
import threading
import urllib.parse
import xml.etree.ElementTree as xml

from program import FULL, Failure, NOT_FOUND, NO_ACCESS, USAGE, secret
from transfer import Gone
from web import Again, Http, Patience, RETRYABLE, asked_wait


class S3:
    """A bucket; its connections are those of the thread that calls."""

    def __init__(self, endpoint, region, bucket):
        self.endpoint, self.region, self.bucket = endpoint.rstrip('/'), region, bucket
        self.access = secret('AWS_ACCESS_KEY_ID')
        self.secret = secret('AWS_SECRET_ACCESS_KEY')
        self.session = secret('AWS_SESSION_TOKEN')
        self.local = threading.local()
        if not self.access or not self.secret:
            raise Failure(NO_ACCESS, 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set')

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

    def pages(self, prefix, query, item, marks):
        """Every `item` of a listing below a prefix; `marks` says which fields of an answer continue it: {field: parameter}."""
        while True:
            tree = xml.fromstring(self.call('GET', query={**query, 'prefix': prefix})[2])
            for found in tree.iterfind('{*}' + item):
                yield {child.tag.rpartition('}')[2]: child.text or '' for child in found}
            if (tree.findtext('{*}IsTruncated') or '') != 'true':
                return
            query = {**query, **{parameter: tree.findtext('{*}' + field) or '' for field, parameter in marks.items()}}


def xml_text(body, tag):
    try:
        found = xml.fromstring(body)
        return found.findtext('.//{*}' + tag)
    except xml.ParseError:
        return None
