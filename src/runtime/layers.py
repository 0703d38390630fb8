"""Unpacks the layers of a container image, each on top of those before it, and takes one folder of what comes of it.

Facts: layer.md of opencontainers/image-spec. What layers say is trusted no more than what
other archives say (see unpack.py).
"""
import os
import posixpath
import shutil

from marker import check_path, parents
from members import Member
from program import Failure, NOT_FOUND, USAGE, log
from transfer import shorten
from unpack import Names, RATIO, SLACK, Unpacking, plain, resolved

WHITEOUT = '.wh.'  # before a name: what lower layers have under this name is gone
OPAQUE = '.wh..wh..opq'  # what lower layers have in this folder is gone


class Layer:
    """An archive that was fetched. One of an image may take away what is below it, another archive only adds."""

    def __init__(self, archive, form, of_image):
        self.archive, self.form, self.of_image = archive, form, of_image


class Layers(Unpacking):
    """Layers on their way into the artifact's folder; `path` is the folder in the image that is taken."""

    def __init__(self, options, folder, layers, path, beside):
        super().__init__(options, folder, layers[0].archive)
        self.layers, self.layer = layers, None
        self.path = path.strip('/')
        self.beside = beside  # paths that are files of the artifact already
        sizes = [os.path.getsize(layer.archive) for layer in layers]
        self.most = options.max_unpacked_bytes or RATIO * sum(sizes) + SLACK
        self.written = 0
        self.fresh = set()  # what the present layer has brought; whiteouts are for the others
        self.folders = set()  # of those others
        self.tops = set()

    def unpack(self):
        for number, self.layer in enumerate(self.layers, 1):
            log('unpacking layer %d of %d' % (number, len(self.layers)))
            self.archive, self.options.unpack = self.layer.archive, self.layer.form
            self.names, self.fresh = Names(0), set()
            self.folders = {folder for path in (*self.stored, *self.links) for folder in parents(path)}
            super().unpack()
        if not (self.stored or self.links or self.beside):
            raise Failure(NOT_FOUND, 'no layer has a file below /%s; there are: %s' % (self.path, shorten(self.tops)))
        self.names = Names(len(self.path.split('/')) if self.path else 0)
        for path in [*self.beside, *self.stored, *self.links]:
            self.names.add(Member(path, 'file'))

    def take(self, member):
        member.path = member.path.lstrip('/')
        if '..' in member.path.split('/'):
            raise Failure(USAGE, 'unsafe path: %s' % member)
        path = posixpath.normpath(member.path)
        if len(self.tops) < 1000:
            self.tops.add('/' + path.split('/')[0])
        name = posixpath.basename(path)
        if self.layer.of_image and name.startswith(WHITEOUT) and member.kind != 'folder':
            self.white_out(posixpath.dirname(path), name)
        elif self.taken(path, member):
            self.names.add(member)
            self.count(member)
            self.put(member)

    def taken(self, path, member):
        """Whether it is in the folder that is asked for."""
        if not self.path or path.startswith(self.path + '/'):
            return path != '.'
        if path == self.path and member.kind != 'folder':
            leads = ' to %s' % member.target if member.target else ''
            raise Failure(USAGE, '/%s is no folder in the image but a %s%s; name the folder with the files (path)'
                          % (path, member.kind, leads))
        return False

    def put(self, member):
        path = member.path
        if member.kind != 'folder':
            self.remove(path)
        for above in parents(path):
            if above in self.links:
                raise Failure(USAGE, '%s is below %r, which is a link' % (member, above))
            self.discard(above)  # a file of a lower layer that has become a folder
        if member.kind == 'folder':
            return self.discard(path)
        self.fresh.add(path)
        if member.kind == 'file':
            self.write(member)
        elif member.kind == 'hard link':
            self.join(member, plain(member.target.lstrip('/'), member))
        elif member.kind == 'symbolic link':
            # An absolute one begins at the root of the image.
            begin = Member('link', member.kind, 0, member.target.lstrip('/')) if member.target[:1] == '/' else member
            self.links[path] = resolved(begin)
        else:
            raise Failure(USAGE, '%s is %s; a model consists of files' % (member, member.kind))

    def join(self, member, target):
        """A further name of a file. The file goes on under it when a higher layer removes the first name."""
        if target in self.links:
            self.links[member.path] = self.links[target]
            return
        if target not in self.stored:
            raise Failure(USAGE, '%s is another name of %r, which is not below /%s: take a folder that holds both '
                          '(path)' % (member, target, self.path))
        source, size, sha256 = self.stored[target]
        self.add(size, member)
        name = self.next_name()
        try:
            os.link(source, name)
        except OSError:  # not every file system has hard links
            shutil.copyfile(source, name)
        self.stored[member.path] = (name, size, sha256)

    def next_name(self):
        self.written += 1
        return os.path.join(self.place, str(self.written))

    def white_out(self, folder, name):
        if name == OPAQUE:
            self.remove(folder, itself=False)
        elif not name.startswith(WHITEOUT + WHITEOUT):  # others are AUFS' own
            gone = name.removeprefix(WHITEOUT)
            check_path(gone)
            self.remove(posixpath.join(folder, gone))

    def remove(self, path, itself=True):
        """Takes away what lower layers have at a path and below it."""
        if not (path == '' or path in self.folders or path in self.stored or path in self.links):
            return
        below = path + '/' if path else ''
        for found in [p for p in (*self.stored, *self.links) if p.startswith(below) or itself and p == path]:
            if found not in self.fresh:
                self.discard(found)

    def discard(self, path):
        self.links.pop(path, None)
        name = self.stored.pop(path, (None,))[0]
        if name:
            os.unlink(name)

    def follow_links(self):
        for path, target in self.links.items():
            self.refuse_lost_link(path, target)
        super().follow_links()

    def publish(self):
        return super().publish() if self.stored else []

    def refuse_lost_link(self, path, target):
        if target in self.stored or target in self.links:
            return
        told = 'the link /%s of the image leads to /%s, ' % (path, target)
        if any(known.startswith(target + '/' if target else '') for known in self.stored):
            raise Failure(USAGE, told + 'which is a folder; an artifact holds files alone. Take that folder (path)')
        if self.path and not (target + '/').startswith(self.path + '/'):
            raise Failure(USAGE, told + 'which is not below /%s: take a folder that holds both (path)' % self.path)
        raise Failure(USAGE, told + 'which is not in the image')
