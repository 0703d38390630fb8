"""What an S3 server tells of the bytes of an object, as proofs that are checked while they pass.

By the S3 user guide, «Checking object integrity»: a checksum is of the whole object, or (`-N` at its end) of the
checksums of its N parts. An ETag is the MD5 of an object that was stored in one piece and not encrypted by a key
of KMS or the customer's own.
"""
import base64
import binascii
import hashlib
import re
import zlib

from transfer import Proof, Unproven


class Crc32:
    """As hashlib has it for others."""

    digest_size = 4

    def __init__(self):
        self.value = 0

    def update(self, view):
        self.value = zlib.crc32(view, self.value)

    def digest(self):
        return self.value.to_bytes(4, 'big')

    def hexdigest(self):
        return self.digest().hex()


# The best first. CRC32C and CRC64NVME are not among them: without a C library they would take hours.
ALGORITHMS = ('sha256', 'sha512', 'sha1', 'crc32', 'md5')


def new(algorithm):
    return Crc32() if algorithm == 'crc32' else hashlib.new(algorithm, usedforsecurity=False)


class Checksum(Proof):
    def hasher(self):
        return new(self.algorithm)


class ChecksumOfParts(Proof):
    """Of the checksums of the parts in which the object was uploaded; all but the last are of one size."""

    def __init__(self, algorithm, expected, part_size):
        super().__init__(algorithm, expected)
        self.part_size = part_size

    def hasher(self):
        return PartsHasher(self.algorithm, self.part_size)


class PartsHasher:
    def __init__(self, algorithm, part_size):
        self.algorithm, self.part_size = algorithm, part_size
        self.running, self.left, self.digests = new(algorithm), part_size, b''

    def update(self, view):
        while len(view) > self.left:
            self.running.update(view[:self.left])
            view = view[self.left:]
            self.digests += self.running.digest()
            self.running, self.left = new(self.algorithm), self.part_size
        self.running.update(view)
        self.left -= len(view)

    def hexdigest(self):
        whole = new(self.algorithm)
        whole.update(self.digests + self.running.digest())
        return whole.hexdigest()


def proof_of(headers, part_size_of):
    """The best in the headers of an object. `part_size_of(count)` is the size of all parts but the last, or None."""
    etag, kind = headers.get('ETag', '').strip('"'), headers.get('x-amz-checksum-type', '')
    # Some servers leave out both the kind and the `-N`: what their checksum is of nobody can tell.
    of_whole = kind == 'FULL_OBJECT' or not kind and '-' not in etag
    for algorithm in ALGORITHMS:
        text, _, count = headers.get('x-amz-checksum-' + algorithm, '').partition('-')
        digest = decoded(text)
        if len(digest) != new(algorithm).digest_size:
            continue
        if not count and of_whole:
            return Checksum(algorithm, digest.hex())
        part_size = part_size_of(int(count)) if count.isdigit() else None
        if part_size:
            return ChecksumOfParts(algorithm, digest.hex(), part_size)
    if re.fullmatch('[0-9a-f]{32}', etag) and not is_encrypted(headers):
        return Checksum('md5', etag)
    return Unproven(headers.get('x-amz-version-id') or etag)


def is_encrypted(headers):
    return headers.get('x-amz-server-side-encryption', 'AES256') != 'AES256' or \
        headers.get('x-amz-server-side-encryption-customer-algorithm') is not None


def decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b''
