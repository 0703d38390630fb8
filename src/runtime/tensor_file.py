"""What a safetensors file says of itself: eight bytes of length, a header in JSON, and the tensors behind it."""
import json
import os
import struct

LARGEST_HEADER = 100 << 20  # of the format itself


class Damaged(Exception):
    """The file is not what it must be. The message says in what."""


def tensor_names(path):
    """The names of the tensors of a file that is whole."""
    size = os.path.getsize(path)
    with open(path, 'rb') as f:
        start = f.read(8)
        length = struct.unpack('<Q', start)[0] if len(start) == 8 else -1
        if not 0 < length <= min(LARGEST_HEADER, size - 8):
            raise Damaged('no safetensors file, or cut off in its header')
        try:
            header = json.loads(f.read(length))
            tensors = {name: tensor['data_offsets'] for name, tensor in header.items() if name != '__metadata__'}
            end = max((last for _, last in tensors.values()), default=0)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Damaged('no safetensors file: its header cannot be read')
    if 8 + length + end != size:
        raise Damaged('cut off or too long: it has %d bytes, and its header tells of %d' % (size, 8 + length + end))
    return set(tensors)
