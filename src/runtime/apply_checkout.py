#!/usr/bin/env python3
"""Makes a folder that is, file by file, somebody's checkout of vLLM: from the prebuilt image that this runs in, which
is of the checkout's merge base with upstream, and a patch that comes in parts.

The patch is applied whole or not at all, and to nothing but the files that it was made for: it names the sha256 of
each file that it replaces or deletes. What the image's build made beside them (compiled extensions, generated files)
is linked or copied from the installed package. With --repository the folder is that repository as it is, in the place
of the image's own copy with a patch. Can be killed at any instant and run again: the folder appears by a
rename, when all in it is verified. The volume is the pod's own, so that there is no second copy at work.
Exit codes: see program.py.
"""
import hashlib
import importlib.util
import json
import os
import re
import shutil
import stat
import sys
import time
import zlib

from program import CHECKSUM, FULL, Failure, MIB, NO_ACCESS, NOT_FOUND, Parser, interruptible, log, matching, \
    positive, readable, run

FORMAT = 1
LINK = '120000'
# Larger files of the package were built, and are linked to: they are gigabytes.
COPIED_AT_MOST = MIB
# Where images of vLLM's CI put the package away, so that tests import the installed one (docker/Dockerfile, test).
PUT_AWAY = 'src'
# What builds leave behind, and the history, which no run needs.
SKIPPED = {'.git', '__pycache__'}


class Patch:
    """The line of JSON, and what follows it."""

    def __init__(self, folder, sha256, most):
        names = sorted(name for name in os.listdir(folder) if name.startswith('part-'))
        packed = b''.join(read(os.path.join(folder, name)) for name in names)
        found = hashlib.sha256(packed).hexdigest()
        if found != sha256:
            raise Failure(CHECKSUM, 'the patch has %s in %d parts and the sha256 %s instead of %s: one of its '
                          'ConfigMaps is missing or was changed. Apply all of them again, as they were synthesized'
                          % (readable(len(packed)), len(names), found, sha256))
        line, _, self.contents = unpacked(packed, most).partition(b'\n')
        manifest = json.loads(line)
        if manifest.get('format') != FORMAT:
            raise Failure(CHECKSUM, 'the patch has format %s, and this program reads %d: they are of different '
                          'versions of cdk8s-llm. Synthesize again' % (manifest.get('format'), FORMAT))
        self.base, self.package = manifest['base'], manifest['package']
        self.files, self.deleted = manifest['files'], manifest['deleted']
        for path in self.paths():
            refuse_path(path)
        refuse_path(self.package)
        size = sum(file['size'] for file in self.files)
        if size != len(self.contents):
            raise Failure(CHECKSUM, 'the patch names %d bytes of files and has %d' % (size, len(self.contents)))

    def paths(self):
        return [file['path'] for file in [*self.files, *self.deleted]]

    def written(self):
        """Each file with its content."""
        at = 0
        for file in self.files:
            content = self.contents[at:at + file['size']]
            at += file['size']
            if hashlib.sha256(content).hexdigest() != file['sha256']:
                raise Failure(CHECKSUM, '%s is damaged in the patch' % file['path'])
            yield file, content


class Unchanged:
    """A repository as it is, in the place of a patch."""

    def __init__(self, folder, commit):
        self.base, self.files, self.deleted, self.contents = commit, [], [], b''
        self.package = next((name for name in ('vllm', PUT_AWAY + '/vllm')
                             if os.path.isfile(os.path.join(folder, name, '__init__.py'))), None)
        if not self.package:
            raise Failure(NOT_FOUND, '%s is no repository of vLLM: it has no vllm/__init__.py' % folder)

    def written(self):
        return []


def unpacked(packed, most):
    decompressor = zlib.decompressobj(wbits=31)
    try:
        content = decompressor.decompress(packed, most + 1)
    except zlib.error as error:
        raise Failure(CHECKSUM, 'the patch cannot be unpacked: %s' % error)
    if len(content) > most or not decompressor.eof:
        raise Failure(CHECKSUM, 'the patch has more than %d bytes, or ends too early' % most)
    return content


def refuse_path(path):
    parts = path.split('/')
    if path.startswith('/') or '\0' in path or any(part in ('', '.', '..', '.git') for part in parts):
        raise Failure(CHECKSUM, 'the patch has the path %r, which leads out of the checkout' % path)


class Image:
    """vLLM as the image has it: what its build copied of the repository, and what it installed."""

    def __init__(self, workspace, patch):
        self.workspace = workspace if os.path.isdir(workspace) else None
        self.package = installed()
        self.name = patch.package
        self.root = os.path.dirname(patch.package)

    def commit(self):
        """What setuptools-scm wrote when the wheel was built, cut off; an image of somebody else may be without it."""
        path = os.path.join(self.package, '_version.py')
        text = read(path).decode(errors='replace') if os.path.isfile(path) else ''
        told = re.search(r"""commit_id = ['"]g([0-9a-f]{7,64})""", text) or re.search(r'\+g([0-9a-f]{7,64})', text)
        return told and told[1]

    def copies(self, path):
        """The places of a file of the repository in the image; none for what its build left out (docs/, .github/)."""
        places = [(self.package, path[len(self.name) + 1:])] if self.has(path) else []
        return [os.path.join(*place) for place in places if is_file(*place)] + self.sources(path)

    def sources(self, path):
        """Those that the build copied of the repository."""
        if not self.workspace:
            return []
        put_away = [PUT_AWAY + '/' + path] if self.has(path) and self.root != PUT_AWAY else []
        return [os.path.join(self.workspace, place) for place in [path, *put_away] if is_file(self.workspace, place)]

    def has(self, path):
        """Whether a path of the repository is in the package."""
        return path.startswith(self.name + '/')

    def refuse_others(self, patch):
        """The image must have what the patch was made for, and must not have what is new."""
        commit = self.commit()
        if commit and not patch.base.startswith(commit):
            raise Failure(CHECKSUM, 'the image has vLLM of commit %s, and the checkout goes off from %s. Name the '
                          'image of that commit, or synthesize again with the base that the image is of'
                          % (commit, patch.base))
        wrong, missing, left_out = [], [], 0
        for file in [*patch.files, *patch.deleted]:
            replaces, copies = file.get('replaces'), self.copies(file['path'])
            if replaces is None:
                wrong += ['%s, which is new in the checkout' % copy for copy in copies]
            elif not all(is_same(copy, replaces) for copy in copies):
                wrong.append(file['path'])
            elif not copies:
                missing.append(file['path'])
                left_out += not self.has(file['path'])
        if wrong:
            raise Failure(CHECKSUM, 'the image is not of the merge base %s: it has other content at %s. Nothing is '
                          'applied. Name the image of that commit' % (patch.base, shorten(wrong)))
        if len(missing) > left_out:
            raise Failure(CHECKSUM, 'the image is not of the merge base %s: it does not have %s. Nothing is applied'
                          % (patch.base, shorten([path for path in missing if self.has(path)])))
        if missing:
            log('the image was built without %s: what is new is written all the same' % shorten(missing))


def installed():
    """The folder of the package that the image's Python imports, without importing it."""
    spec = importlib.util.find_spec('vllm')
    if not spec or not spec.submodule_search_locations:
        raise Failure(NOT_FOUND, 'the Python of this image has no package vllm: name an image of vLLM')
    return list(spec.submodule_search_locations)[0]


class Tree:
    """The folder that is made, first under another name."""

    def __init__(self, path, most):
        self.path, self.most, self.bytes = path, most, 0
        self.partial = path + '.partial'

    def make(self, image, patch, repository):
        for old in (self.partial, self.path):
            shutil.rmtree(old, ignore_errors=True)
        os.makedirs(self.partial, 0o755)
        if repository or image.workspace:
            self.copy(repository or image.workspace, image)
        for file in patch.deleted:
            self.delete(file['path'])
        for file, content in patch.written():
            self.write(file, content)
        deleted = {file['path'] for file in patch.deleted}
        # A file of the image's commit that the repository does not have was never there, or is there no more.
        self.complete(image, lambda path: path in deleted or bool(repository and image.sources(path)))
        self.verify(patch)
        os.rename(self.partial, self.path)

    def at(self, path):
        return os.path.join(self.partial, path)

    def copy(self, workspace, image):
        """The repository, with the package in its place again where the build has put it away."""
        put_away = os.path.join(workspace, PUT_AWAY, os.path.basename(image.name))
        back = image.root != PUT_AWAY and os.path.isdir(put_away)
        for source, names in walk(workspace):
            folder = os.path.relpath(source, workspace)
            if back and (folder + '/').startswith('%s/%s/' % (PUT_AWAY, os.path.basename(image.name))):
                folder = os.path.relpath(folder, PUT_AWAY)
            for name in names:
                self.take(os.path.join(source, name), os.path.normpath(os.path.join(folder, name)))

    def take(self, source, path):
        target = self.at(path)
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if is_link(source):
            os.symlink(os.readlink(source), target)
            return
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            return
        self.count(status.st_size)
        try:
            shutil.copyfile(source, target)
        except PermissionError:
            raise Failure(NO_ACCESS, 'user %d cannot read %s: build the image so that all can' % (os.getuid(), source))
        os.chmod(target, 0o755 if status.st_mode & 0o100 else 0o644)

    def count(self, size):
        self.bytes += size
        if self.bytes > self.most:
            raise Failure(FULL, 'the checkout and what the image adds to it has more than %s: raise the size of the '
                          'tree (treeSize of VllmCheckout)' % readable(self.most))

    def delete(self, path):
        """A file, and the folders that are empty without it: Git knows none."""
        if is_file(self.partial, path):
            os.unlink(self.at(path))
        for folder in folders_of(path):
            if os.path.isdir(self.at(folder)) and not os.listdir(self.at(folder)):
                os.rmdir(self.at(folder))

    def write(self, file, content):
        target = self.at(file['path'])
        link = next((folder for folder in folders_of(file['path']) if is_link(self.at(folder))), None)
        if link:
            raise Failure(CHECKSUM, '%s: %s is a link in the image, and a folder in the checkout'
                          % (file['path'], link))
        try:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            if os.path.lexists(target):
                os.unlink(target)
        except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise Failure(CHECKSUM, '%s: %s; the image has something else there than the merge base'
                          % (file['path'], error.strerror))
        if file['mode'] == LINK:
            os.symlink(content, os.fsencode(target))
            return
        self.count(len(content))
        with open(target, 'xb') as f:
            f.write(content)
        os.chmod(target, 0o755 if file['mode'] == '100755' else 0o644)

    def complete(self, image, left_out):
        """What the build made in the package, and all of it where the image has nothing else of the repository."""
        linked = 0
        for source, names in walk(image.package):
            for name in names:
                path = os.path.join(image.name, os.path.relpath(os.path.join(source, name), image.package))
                if left_out(path) or os.path.lexists(self.at(path)) or not self.can_hold(path):
                    continue
                built = os.path.join(source, name)
                if is_link(built) or os.path.getsize(built) <= COPIED_AT_MOST:
                    self.take(built, path)
                    continue
                os.makedirs(os.path.dirname(self.at(path)), 0o755, exist_ok=True)
                os.symlink(built, self.at(path))
                linked += 1
        log('%d large files of the package are linked to where the image has them' % linked)

    def can_hold(self, path):
        """Whether no file of the checkout has the place of a folder."""
        return all(os.path.isdir(self.at(folder)) and not is_link(self.at(folder))
                   for folder in folders_of(path) if os.path.lexists(self.at(folder)))

    def verify(self, patch):
        for file in patch.files:
            target = self.at(file['path'])
            mode = LINK if is_link(target) else '100755' if os.stat(target).st_mode & 0o100 else '100644'
            if digest(target) != file['sha256'] or mode != file['mode']:
                raise Failure(CHECKSUM, '%s is not as it was written: the disk of the pod is damaged' % file['path'])
        for file in patch.deleted:
            if is_file(self.partial, file['path']):
                raise Failure(CHECKSUM, '%s is still there' % file['path'])


def walk(folder):
    """All folders with the names of their files and links, in order."""
    for source, folders, files in os.walk(folder):
        links = [name for name in folders if is_link(os.path.join(source, name))]
        folders[:] = sorted(name for name in folders if name not in SKIPPED and name not in links)
        yield source, sorted(files + links)


def is_link(path):
    return os.path.islink(path)


def is_file(root, path):
    """Whether a file or a link is at a path below `root` itself, and not behind a link."""
    at = os.path.join(root, path)
    if any(is_link(os.path.join(root, folder)) for folder in folders_of(path)):
        return False
    return os.path.lexists(at) and (is_link(at) or not os.path.isdir(at))


def folders_of(path):
    """The folders above a path, the innermost first."""
    while '/' in path:
        path = path.rpartition('/')[0]
        yield path


def digest(path):
    """Of a file its content, of a link its target."""
    if is_link(path):
        return hashlib.sha256(os.readlink(os.fsencode(path))).hexdigest()
    return hashlib.sha256(read(path)).hexdigest()


def is_same(path, replaces):
    return is_link(path) == (replaces['mode'] == LINK) and digest(path) == replaces['sha256']


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except PermissionError:
        raise Failure(NO_ACCESS, 'user %d cannot read %s: build the image so that all can' % (os.getuid(), path))


def shorten(paths):
    return ', '.join(paths[:10]) + (' and %d more' % (len(paths) - 10) if len(paths) > 10 else '')


def main():
    parser = Parser(prog='apply_checkout.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--parts', help='the folder of the files part-...')
    parser.add_argument('--sha256', type=matching('[0-9a-f]{64}', 'a sha256'), help='of all parts')
    parser.add_argument('--unpacked-bytes', type=positive, help='the size of the patch when unpacked')
    parser.add_argument('--repository', help='a repository that is taken as it is, in the place of a patch')
    parser.add_argument('--commit', type=matching('[0-9a-f]{40,64}', 'a commit'), help='of the repository')
    parser.add_argument('--tree', required=True, help='the folder to make')
    parser.add_argument('--tree-bytes', required=True, type=positive, help='what it may have at most')
    parser.add_argument('--workspace', required=True, help="the image's copy of the repository, if it has one")
    options = parser.parse_args(sys.argv[1:])
    of_patch = [options.parts, options.sha256, options.unpacked_bytes]
    of_repository = [options.repository, options.commit]
    if all(of_patch) == all(of_repository) or any(of_patch) == any(of_repository):
        parser.error('either --parts, --sha256 and --unpacked-bytes are needed, or --repository and --commit')
    return interruptible(lambda: apply(options))


def apply(options):
    started = time.monotonic()
    if options.repository:
        patch = Unchanged(options.repository, options.commit)
        image = Image(options.workspace, patch)
        log('the repository is at commit %s; what is compiled is of commit %s'
            % (patch.base, image.commit() or 'unknown'))
    else:
        patch = Patch(options.parts, options.sha256, options.unpacked_bytes)
        image = Image(options.workspace, patch)
        image.refuse_others(patch)
        log('applying %d files and %d deletions to commit %s' % (len(patch.files), len(patch.deleted), patch.base))
    tree = Tree(options.tree, options.tree_bytes)
    tree.make(image, patch, options.repository)
    log('complete: %s has %d files changed and %d deleted of commit %s, verified'
        % (tree.path, len(patch.files), len(patch.deleted), patch.base))
    return {'base': patch.base, 'files': len(patch.files), 'deleted': len(patch.deleted),
            'bytes': len(patch.contents), 'seconds': round(time.monotonic() - started, 1)}


if __name__ == '__main__':
    run(main)
