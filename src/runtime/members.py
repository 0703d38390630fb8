"""What archives hold, read as a stream: tar, plain or compressed, and zip. What they say is not trusted here, nor used:
that is for unpack.py. Memory stays that of a few blocks, whatever an archive says or expands to.
"""
import bz2
import lzma
import stat
import struct
import sys
import tarfile
import zipfile
import zlib

from program import Failure, MIB, USAGE, readable

LARGEST_HEADER = 4 * MIB  # of what tarfile keeps in memory of a member: long names, attributes
LARGEST_LIST = 32 * MIB  # of the list of contents of a zip, which zipfile reads at once
LARGEST_WINDOW = 27  # 2^27 bytes, the memory that xz and zstd may use: what `xz -9` and `zstd --long` need


class Damaged(Exception):
    """The archive is not what its format says."""


# What tarfile and zipfile raise over bytes that make no sense.
MALFORMED = (Damaged, tarfile.TarError, zipfile.BadZipFile, struct.error, EOFError, ValueError, OverflowError,
             LookupError, RecursionError)


class Member:
    """What an archive says of one thing that it holds."""

    def __init__(self, path, kind, size=0, target=None, blocks=None):
        self.path = path
        self.kind = kind  # file, folder, symbolic link, hard link, or in words what else it is
        self.size = size
        self.target = target  # of a link
        self.blocks = blocks  # () -> the content, in blocks

    def __str__(self):
        return '%r in the archive' % self.path


def zstandard():
    try:
        from compression import zstd
        return zstd
    except ImportError:
        raise Failure(USAGE, 'tar.zst needs Python 3.14 or newer and its module compression.zstd, which is not in this '
                      'image (Python %s): name an image that has it, or pack the archive as tar.gz or tar.xz'
                      % '.'.join(map(str, sys.version_info[:3])))


class Gunzip:
    """zlib's decompressor, with the interface of those of bz2, lzma and zstd."""

    def __init__(self):
        self.inner = zlib.decompressobj(wbits=31)

    eof = property(lambda self: self.inner.eof)
    unused_data = property(lambda self: self.inner.unused_data)
    needs_input = property(lambda self: not self.inner.unconsumed_tail)

    def decompress(self, data, most):
        return self.inner.decompress(self.inner.unconsumed_tail + data, most)


def unxz():
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << LARGEST_WINDOW)


def unzstd():
    zstd = zstandard()
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW})


DECOMPRESSORS = {'tar': None, 'tar.gz': Gunzip, 'tar.bz2': bz2.BZ2Decompressor, 'tar.xz': unxz, 'tar.zst': unzstd}
FORMATS = (*DECOMPRESSORS, 'zip')


class Expanded:
    """The content of a compressed file; memory stays that of a block, whatever it expands to."""

    def __init__(self, file, form):
        self.file, self.begin = file, DECOMPRESSORS[form]
        self.stream, self.input = None, b''

    def read(self, most):
        """At most so many bytes; none at the end alone."""
        if not self.begin:
            return self.file.read(most)
        while True:
            if self.stream is None or self.stream.eof:
                # Compressed files may follow each other, as pigz and pbzip2 write them, and be padded with zeros.
                self.input = (self.stream.unused_data if self.stream else b'').lstrip(b'\0')
                while not self.input:
                    block = self.file.read(MIB)
                    if not block:
                        return b''
                    self.input = block.lstrip(b'\0')
                self.stream = self.begin()
            elif self.stream.needs_input and not self.input:
                self.input = self.file.read(MIB)
                if not self.input:
                    raise Damaged('it ends in the middle')
            try:
                output = self.stream.decompress(self.input, most)
            except MemoryError:
                raise
            except Exception as error:  # each kind raises another
                raise Damaged(str(error))
            self.input = b''
            if output:
                return output


class Forward:
    """A stream that tarfile reads as if it were a file: forwards alone, and headers that fit into memory."""

    def __init__(self, stream, most):
        self.stream, self.most, self.at = stream, most, 0
        self.header = 0  # bytes that tarfile has read since the last member

    def tell(self):
        return self.at

    def seek(self, position):
        if position < self.at:
            raise Damaged('a member begins before the end of another')
        while self.at < position:
            if not self.content(min(position - self.at, MIB)):
                raise Damaged('it ends in the middle')

    def read(self, size):
        """For tarfile, which keeps in memory what it reads: headers, some of which say how long they are."""
        self.header += size
        if size < 0 or self.header > LARGEST_HEADER:
            raise Damaged('a header of more than %s' % readable(LARGEST_HEADER))
        return self.content(size)

    def content(self, size):
        pieces, left = [], size
        while left:
            piece = self.stream.read(min(left, MIB))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        self.at += size - left
        if self.at > self.most:
            raise Failure(USAGE, 'the archive unpacks to more than %s; if that is right, raise maxUnpackedSize '
                          '(--max-unpacked-bytes)' % readable(self.most))
        return pieces[0] if len(pieces) == 1 else b''.join(pieces)


TAR_KINDS = {tarfile.SYMTYPE: 'symbolic link', tarfile.LNKTYPE: 'hard link', tarfile.CHRTYPE: 'a character device',
             tarfile.BLKTYPE: 'a block device', tarfile.FIFOTYPE: 'a pipe'}


def tar_members(stream):
    with tarfile.open(fileobj=stream, mode='r:', encoding='utf-8', errors='surrogateescape') as tar:
        while True:
            stream.header = 0
            info = tar.next()
            if info is None:
                break
            tar.members.clear()  # it would keep them all
            if sum(len(key) + len(value) for key, value in tar.pax_headers.items()) > LARGEST_HEADER:
                raise Damaged('headers for all members of more than %s' % readable(LARGEST_HEADER))
            if info.sparse is not None:
                kind = 'a sparse file (pack it without --sparse)'
            elif info.isdir():
                kind = 'folder'
            elif info.isreg():
                kind = 'file'
            else:
                kind = TAR_KINDS.get(info.type, 'of type %r' % info.type.decode('latin-1'))
            size = info.size if kind == 'file' else 0
            if size < 0:
                raise Damaged('%r has %d bytes' % (info.name, size))
            yield Member(info.name, kind, size, info.linkname, lambda: tar_blocks(stream, info))
        # tarfile takes a header that makes no sense for the end.
        while rest := stream.content(MIB):
            if rest.strip(b'\0'):
                raise Damaged('after its end there is more')


def tar_blocks(stream, info):
    stream.seek(info.offset_data)
    left = info.size
    while left:
        block = stream.content(min(left, MIB))
        if not block:
            raise Damaged('it ends in the middle')
        left -= len(block)
        yield block


# ------------------------------------------------------------------------------------------------------------ zip


class Bounded:
    """A file of which nothing is read at once that would not fit into memory."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def read(self, size=-1):
        block = self.file.read(size if 0 <= size <= LARGEST_LIST else LARGEST_LIST + 1)
        if len(block) > LARGEST_LIST:
            raise Damaged('its list of contents is larger than %s' % readable(LARGEST_LIST))
        return block


def zip_members(archive):
    with archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16 if info.create_system == 3 else 0  # 3: made on Unix
            target = None
            if info.is_dir():
                kind = 'folder'
            elif info.flag_bits & 1:
                kind = 'encrypted'
            elif stat.S_ISLNK(mode):
                kind = 'symbolic link'
                with archive.open(info) as content:
                    target = content.read(4097).decode()
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                kind = 'file'
            else:
                kind = 'a device, pipe or socket'
            yield Member(info.orig_filename, kind, info.file_size, target, lambda: zip_blocks(archive, info))


def zip_blocks(archive, info):
    with archive.open(info) as content:
        while block := content.read(MIB):
            yield block
