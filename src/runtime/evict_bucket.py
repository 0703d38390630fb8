"""A store whose artifacts are prefixes of a bucket, to remove some of them."""
import datetime
import email.utils
import time
import xml.etree.ElementTree as xml

from marker import MARKER, parse_marker
from program import Failure, TRANSIENT, log
from transfer import Gone

UPLOAD_MARKS = {'NextKeyMarker': 'key-marker', 'NextUploadIdMarker': 'upload-id-marker'}


class BucketStore:
    """A bucket, or a folder in it."""

    def __init__(self, s3, prefix, quiet_seconds):
        self.s3, self.quiet_seconds = s3, quiet_seconds
        self.prefix = prefix.strip('/') + '/' if prefix.strip('/') else ''

    def __str__(self):
        return 's3://%s/%s' % (self.s3.bucket, self.prefix)

    def folder(self, name):
        return '%s%s/' % (self.prefix, name)

    def objects(self, prefix):
        return self.s3.pages(prefix, {'list-type': 2}, 'Contents', {'NextContinuationToken': 'continuation-token'})

    def uploads(self, prefix):
        return self.s3.pages(prefix, {'uploads': ''}, 'Upload', UPLOAD_MARKS)

    def names(self):
        """Of all that has objects, or parts of some."""
        items = list(self.objects(self.prefix)) + list(self.uploads(self.prefix))
        below = [item['Key'][len(self.prefix):] for item in items]
        return sorted({key.split('/')[0] for key in below if '/' in key})

    def marker(self, name):
        status, _, body = self.s3.call('GET', self.folder(name) + MARKER, accept=(200, 404))
        return parse_marker(body) if status == 200 else None

    def size(self, name):
        return sum(int(item['Size']) for item in self.objects(self.folder(name)))

    def leftovers(self):
        return []  # what is left of a prefix has its name still, so it is found by its key

    def hold(self, name, until):
        """Returns once nobody seems to write there. Buckets have no locks: a writer is known by what it wrote."""
        told = False
        while True:
            quiet = self.seconds_quiet(name)
            if quiet > self.quiet_seconds:
                return
            if time.monotonic() > until:
                raise Failure(TRANSIENT, '%s%s is not complete, and was written to %d s ago: a download or conversion '
                              'may be at work there. Run again when it is done' % (self, name, quiet))
            if not told:
                log('%s%s is not complete, and was written to %d s ago; waiting for %d s of silence'
                    % (self, name, quiet, self.quiet_seconds))
                told = True
            time.sleep(max(0.2, min(10, self.quiet_seconds - quiet, until - time.monotonic())))

    def seconds_quiet(self, name):
        """Since when nothing was written to an artifact that is not complete. To a complete one, nobody writes."""
        if self.marker(name) is not None:
            return float('inf')
        dates = [item['LastModified'] for item in self.objects(self.folder(name))]
        for upload in self.uploads(self.folder(name)):
            dates += [upload.get('Initiated', '')] + self.part_dates(upload['Key'], upload['UploadId'])
        newest = max([timestamp(date) for date in dates if date], default=0)
        return max(0, self.now() - newest)

    def part_dates(self, key, upload):
        dates, after = [], '0'
        while True:
            try:
                tree = xml.fromstring(self.s3.call('GET', key, {'uploadId': upload, 'part-number-marker': after})[2])
            except Gone:
                return dates
            dates += [found.text or '' for found in tree.iterfind('{*}Part/{*}LastModified')]
            if tree.findtext('{*}IsTruncated') != 'true':
                return dates
            after = tree.findtext('{*}NextPartNumberMarker') or ''

    def now(self):
        """By the server's clock, which dates what is written."""
        query = {'list-type': 2, 'encoding-type': 'url', 'max-keys': 1, 'prefix': self.prefix}
        date = self.s3.call('GET', '', query)[1].get('Date')
        return email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()

    def remove(self, name):
        """The marker first: nothing half gone looks like an artifact. Single requests, which every server knows."""
        folder = self.folder(name)
        for _ in range(5):
            self.s3.call('DELETE', folder + MARKER, accept=(200, 204, 404))
            keys = [item['Key'] for item in self.objects(folder)]
            uploads = list(self.uploads(folder))
            if not keys and not uploads:
                return
            for key in keys:
                self.s3.call('DELETE', key, accept=(200, 204, 404))
            for upload in uploads:
                try:
                    self.s3.call('DELETE', upload['Key'], {'uploadId': upload['UploadId']}, accept=(200, 204, 404))
                except Gone:
                    pass
        raise Failure(TRANSIENT, '%s%s cannot be emptied: something still writes to it' % (self, name))


def timestamp(date):
    return datetime.datetime.fromisoformat(date.replace('Z', '+00:00')).timestamp()
