"""An artifact below a prefix of an S3 bucket: to write to, to verify."""
import hashlib
import threading
import time

from marker import MARKER, marker_text, parse_marker
from program import CHECKSUM, Failure, MIB, NOT_FOUND, TRANSIENT, interruptible, log
from s3_client import xml_text
from transfer import Digest, Gone


class Bucket:
    """Where an artifact is, or goes, in a bucket of S3."""

    smallest_chunk = 5 * MIB
    most_parts = 10_000

    def __init__(self, s3, prefix):
        self.s3, self.call = s3, s3.call
        self.prefix = prefix.strip('/') + '/'
        self.objects = {}  # key: (size, last modified)
        self.open_uploads = {}  # upload id: key
        self.opening = 0  # uploads that are asked for
        self.abandoned = False
        self.lock = threading.Lock()  # guards the two above

    def __str__(self):
        return 's3://%s/%s' % (self.s3.bucket, self.prefix)

    def marker(self):
        self.objects = {item['Key']: (int(item['Size']), item['LastModified']) for item in self.s3.pages(
            self.prefix, {'list-type': 2}, 'Contents', {'NextContinuationToken': 'continuation-token'})}
        if self.prefix + MARKER not in self.objects:
            return None
        status, _, body = self.call('GET', self.prefix + MARKER, accept=(200, 404))
        return parse_marker(body) if status == 200 else None

    def damage(self, marker, deep):
        published = self.objects[self.prefix + MARKER][1]
        for file in marker['files']:
            key = self.prefix + file['path']
            if key not in self.objects:
                return Failure(NOT_FOUND, 's3://%s/%s is missing' % (self.s3.bucket, key))
            size, modified = self.objects[key]
            if size != file['size']:
                return Failure(CHECKSUM, 's3://%s/%s has %d bytes instead of %d' % (self.s3.bucket, key, size, file['size']))
            if deep:
                changed = self.sha256(key, size) != file['sha256']
            else:
                changed = modified > published and self.metadata(key).get('sha256') != file['sha256']
            if changed:
                return Failure(CHECKSUM, 's3://%s/%s has changed: its sha256 is not %s' % (self.s3.bucket, key, file['sha256']))
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
        for upload in list(self.s3.pages(self.prefix, {'uploads': ''}, 'Upload', marks)):
            log('aborting an upload that was left: %s' % upload['Key'])
            self.abort(upload['Key'], upload['UploadId'])

    def reserve(self, outputs):
        return sum(o.size for o in outputs if self.objects.get(self.prefix + o.path, (-1,))[0] == o.size)

    def retract(self):
        if self.prefix + MARKER in self.objects:
            self.call('DELETE', self.prefix + MARKER)

    def begin(self, output):
        """True when the object is there and was verified when it was written."""
        self.refuse_late()
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
            output.handle = (self.open(output), len(view), {})

    def refuse_late(self):
        """Workers that find their uploads aborted must not begin anew while the process ends."""
        if self.abandoned:
            raise Failure(TRANSIENT, 'this run has ended')

    def open(self, output):
        """The id of a new upload, which is known to abandon() at every instant."""
        with self.lock:
            self.refuse_late()
            self.opening += 1
        try:
            answer = self.call('POST', self.prefix + output.path, {'uploads': ''}, headers=self.headers(output))[2]
            upload = xml_text(answer, 'UploadId')
            self.open_uploads[upload] = self.prefix + output.path
            return upload
        finally:
            with self.lock:
                self.opening -= 1

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

    def tidy(self):
        pass  # prepare() has aborted what was left

    def abandon(self):
        """Nothing that costs money is left behind, as far as it can be done within two seconds."""

        def abort_all():
            while self.opening or self.open_uploads:
                for upload, key in list(self.open_uploads.items()):
                    try:
                        self.abort(key, upload)
                    except Failure as failure:  # why the run ends is what is to be told
                        log('an upload is left: %s' % failure)
                time.sleep(0.01)

        with self.lock:
            self.abandoned = True
        interruptible(abort_all, 2)
