"""Reads what a GGUF file says of itself, and how long it must be for that.

The format is that of docs/gguf.md in ggml-org/ggml, versions 2 and 3, little-endian. Tensors are not read.
"""
import collections
import math
import os
import struct

MAGIC = b'GGUF'
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
MAX_DIMENSIONS = 4

# Values of a block and the bytes that it takes, by the type's number (enum ggml_type and type_traits of ggml; the same
# in GGML_QUANT_SIZES of gguf-py).
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),
}

# Of metadata: how values of a type are read, by the type's number. Strings are 8, arrays 9.
NUMBERS = {0: '<B', 1: '<b', 2: '<H', 3: '<h', 4: '<I', 5: '<i', 6: '<f', 7: '<?', 10: '<Q', 11: '<q', 12: '<d'}
STRING, ARRAY = 8, 9

# A file: its metadata but for arrays, the number of its tensors, and from how many bytes to how many it may have.
# The last tensor may be padded.
Gguf = collections.namedtuple('Gguf', 'metadata tensors least most')


class Damaged(Exception):
    """The file is no GGUF file, or not whole."""


def read_gguf(path):
    """What the file says; raises Damaged where it is none, or shorter or longer than it says."""
    with open(path, 'rb') as f:
        size = os.fstat(f.fileno()).st_size
        gguf = Reader(f, size).gguf()
    if not gguf.least <= size <= gguf.most:
        raise Damaged('%d bytes long, and its tensors need %d' % (size, gguf.least))
    return gguf


class Reader:
    def __init__(self, file, size):
        self.file, self.size = file, size

    def gguf(self):
        if self.size < 24 or self.file.read(4) != MAGIC:
            raise Damaged('not a GGUF file: it does not begin with GGUF')
        version = self.number('<I')
        if version not in VERSIONS:
            raise Damaged('of GGUF version %d; known are %s' % (version, ' and '.join(map(str, VERSIONS))))
        tensors, pairs = self.number('<Q'), self.number('<Q')
        metadata = {}
        for _ in range(self.bounded(pairs, 13)):
            key = self.text()
            value = self.value(self.number('<I'))
            if value is not None:
                metadata[key] = value
        ends = [0]
        alignment = metadata.get('general.alignment', DEFAULT_ALIGNMENT)
        for _ in range(self.bounded(tensors, 24)):
            ends.append(self.tensor_end())
        start = padded(self.file.tell(), alignment)
        least = start + max(ends) if tensors else self.file.tell()
        return Gguf(metadata, tensors, least, padded(least, alignment))

    def tensor_end(self):
        """Where its data end, from where all data begin."""
        name = self.text()
        dimensions = self.number('<I')
        if dimensions > MAX_DIMENSIONS:
            raise Damaged('damaged: tensor %r has %d dimensions' % (name, dimensions))
        values = math.prod(self.number('<Q') for _ in range(dimensions))
        kind, offset = self.number('<I'), self.number('<Q')
        if kind not in BLOCKS:
            raise Damaged('of another kind than is known here: tensor %r has type %d' % (name, kind))
        block, stored = BLOCKS[kind]
        if values % block:
            raise Damaged('damaged: tensor %r has %d values, no multiple of %d' % (name, values, block))
        return offset + values // block * stored

    def value(self, kind):
        """A value of metadata; None for an array."""
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            return self.number(self.form(kind))
        item, count = self.number('<I'), self.number('<Q')
        if item == STRING:
            for _ in range(self.bounded(count, 8)):
                self.skip(self.number('<Q'))
        elif item == ARRAY:
            for _ in range(self.bounded(count, 12)):
                self.value(ARRAY)
        else:
            self.skip(count * struct.calcsize(self.form(item)))
        return None

    def form(self, kind):
        if kind not in NUMBERS:
            raise Damaged('damaged: its metadata have a value of type %d' % kind)
        return NUMBERS[kind]

    def number(self, form):
        return struct.unpack(form, self.bytes(struct.calcsize(form)))[0]

    def text(self):
        return self.bytes(self.number('<Q')).decode('utf-8', 'replace')

    def bytes(self, count):
        data = self.file.read(self.bounded(count, 1))
        if len(data) < count:
            raise Damaged('cut off in what it says of itself')
        return data

    def skip(self, count):
        self.file.seek(self.bounded(count, 1), os.SEEK_CUR)

    def bounded(self, count, least):
        """A count of things that take this many bytes or more, if the file can hold them."""
        if count * least > self.size - self.file.tell():
            raise Damaged('cut off in what it says of itself')
        return count


def padded(size, alignment):
    return (size + alignment - 1) // alignment * alignment
