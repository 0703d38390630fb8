"""Source: a container image, or an OCI artifact, in a registry.

Of an image, the layers are unpacked on top of each other and a folder of the outcome is taken. Of an artifact, each
layer is a file, or an archive of files. Which is which, and the files' names, is said by the repositories
opencontainers/image-spec and modelpack/model-spec (ModelPack), by the documents of ORAS ("Pushing and Pulling") and,
for models without names, by docker/model-runner, pkg/distribution/types (Docker Model Runner).
"""
import json
import os
import posixpath
import shutil

import registry
from folder import Directory
from layers import Layer, Layers
from members import zstandard
from program import CHECKSUM, Failure, MIB, NOT_FOUND, USAGE, log, matching, positive, readable
from transfer import Output, Transfer, buffers, check_paths, once, shorten
from unpack import RATIO, check_room
from web import Http

IMAGE_CONFIGS = ('application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json')
IMAGE_LAYERS = ('application/vnd.oci.image.layer.', 'application/vnd.docker.image.rootfs.')

# The path of a layer's file, as ModelPack, its former name, and ORAS say it.
PATHS = ('org.cncf.model.filepath', 'org.cnai.model.filepath', 'org.opencontainers.image.title')
UNPACK = 'io.deis.oras.content.unpack'  # ORAS: the layer is an archive of a folder, not a file that happens to be one
LICENCES = 'org.opencontainers.image.licenses'

# What a layer without a name is called, by its media type: the name before and after the number of a shard.
NAMES = {
    'application/vnd.docker.ai.gguf.v3': ('model', '.gguf'),
    'application/vnd.cncf.model.weight.v1.gguf': ('model', '.gguf'),
    'application/vnd.docker.ai.safetensors': ('model', '.safetensors'),
    'application/vnd.cncf.model.weight.v1.safetensors': ('model', '.safetensors'),
    'application/vnd.docker.ai.dduf': ('model', '.dduf'),
    'application/vnd.docker.ai.mmproj': ('mmproj', '.gguf'),
    'application/vnd.docker.ai.chat.template.jinja': ('chat_template', '.jinja'),
    'application/vnd.docker.ai.license': ('LICENSE', ''),
}

FORMS = {'tar': 'tar', 'tar+gzip': 'tar.gz', 'tar.gzip': 'tar.gz', 'tar+zstd': 'tar.zst', 'tar.zstd': 'tar.zst'}

LARGEST_CONFIG = 16 * MIB


def add_arguments(parser):
    registry.add_arguments(parser)
    parser.add_argument('--path', default='/', type=matching('/.*', 'an absolute path'), help='the folder to take')
    parser.add_argument('--platform', default='linux/amd64', type=matching(r'\w+/\w+(/\w+)?', 'OS/ARCHITECTURE'))
    parser.add_argument('--max-unpacked-bytes', type=positive, help='default: %d times the layers, and 1 GiB' % RATIO)
    parser.add_argument('--max-unpacked-files', type=positive, default=100_000)
    parser.set_defaults(include=[], exclude=[], strip_components=0)  # as unpack.py knows them


def source(options):
    return Image(options)


class Image(registry.Registry):
    """An image or artifact. `fetch.py` leaves the storing to it."""

    def __init__(self, options):
        super().__init__(options)
        self.path, self.platform = posixpath.normpath(options.path).strip('/'), options.platform

    def store(self, options, place):
        """Brings the files to the place; returns the result to leave."""
        return once(options.key, place, lambda: self.bring(options, place))

    def bring(self, options, place):
        """(what the marker says of each file, and of their origin, bytes fetched)"""
        outputs, archives, described = self.look(Http())
        if archives and not options.dir:
            raise Failure(USAGE, '%s has layers that must be unpacked into a folder (--dir); put.py brings it into a '
                          'bucket from there' % self)
        check_paths(outputs)
        staged = self.staged(place) if archives else None
        present = place.reserve(outputs)
        total = sum(output.size for output in outputs)
        if archives:
            packed = sum(output.size for output, _, _ in archives)
            there = staged.reserve([output for output, _, _ in archives])
            # Nothing unpacks to less than the archive, except where only a folder of it is taken.
            check_room(place, total - present + (1 if self.path else 2) * packed - there,
                       'the layers and what they unpack to are there at once')
            present, total = present + there, total + packed
        log('%s to %s: %d files and %d archives, %s, of which %s are there to be checked'
            % (self, place, len(outputs), len(archives), readable(total), readable(present)))
        fetched = self.carry(options, place, outputs) + self.carry(options, staged, [found[0] for found in archives])
        files = [{'path': output.path, 'size': output.size, 'sha256': output.sha256} for output in outputs]
        if archives:
            layers = [Layer(os.path.join(staged.path, output.path), *more) for output, *more in archives]
            beside = [posixpath.join(self.path, file['path']) for file in files]
            files += Layers(options, place, layers, self.path, beside).run()
        return files, described, fetched

    def staged(self, folder):
        """Where the layers are until all is unpacked, so that none has to be fetched again after a kill."""
        staged = Directory(os.path.join(folder.staging, 'download'))
        staged.prepare()
        for name in os.listdir(folder.staging):
            if name.startswith('unpacked.'):  # of a run that was killed
                shutil.rmtree(os.path.join(folder.staging, name), ignore_errors=True)
        return staged

    def carry(self, options, place, outputs):
        if not outputs:
            return 0
        transfer = Transfer(self, place, outputs, *buffers(options, place, outputs))
        transfer.run(options.progress_seconds)
        return transfer.fetched()

    def look(self, http):
        """(the outputs, [(output of an archive, its form, whether it is a layer of an image)], what the marker says of
        their origin)"""
        manifest, digest = self.chosen(http)
        config = self.config(http, manifest.get('config') or {})
        layers = manifest.get('layers') or []
        is_image = is_image_of(manifest, layers)
        names = iter(unnamed([layer for layer in layers if not path_of(layer)]))
        outputs, archives = [], []
        for number, layer in enumerate(layers, 1):
            path, name, form = path_of(layer), None if path_of(layer) else next(names), form_of(layer, is_image)
            if form:
                archives.append((Output('layer-%d' % number, [self.part('layer %d' % number, layer)]), form, is_image))
                continue
            if not (path or name):
                raise Failure(USAGE, '%s: layer %d is of type %r, has no name (%s) and is no archive'
                              % (self, number, layer.get('mediaType'), ', '.join(PATHS)))
            outputs += self.below(path or name, layer)
        if not outputs and not archives:
            raise Failure(NOT_FOUND, '%s has no file below /%s; there are: %s'
                          % (self, self.path, shorten(filter(None, map(path_of, layers))) or 'no layers'))
        if any(form == 'tar.zst' for _, form, _ in archives):
            zstandard()
        return outputs, archives, {'licence': licence(manifest, config), 'parents': [], 'source': {
            'type': 'oci', 'repo': self.name, 'tag': self.tag, 'digest': self.digest or digest, 'manifest': digest,
            'path': '/' + self.path}}

    def below(self, path, layer):
        """The output of a layer that is a file; none if it is not in the folder that is taken."""
        path = posixpath.normpath(path) if path.startswith('./') else path
        if self.path and not path.startswith(self.path + '/'):
            return []
        return [Output(path.removeprefix(self.path).lstrip('/') if self.path else path, [self.part(path, layer)])]

    def chosen(self, http):
        """(the manifest, its digest), of an index that of the platform."""
        found, digest = self.manifest(http)
        for _ in range(3):
            if 'manifests' not in found:
                break
            digest = for_platform(found['manifests'] or [], self.platform, self)
            found, digest = self.manifest(http, digest)
        if 'manifests' in found or 'layers' not in found:
            raise Failure(USAGE, '%s is neither an image nor an artifact: %s' % (self, found.get('mediaType')))
        return found, digest

    def config(self, http, descriptor):
        """What the manifest calls the configuration, or {}."""
        if not descriptor.get('digest'):
            return {}
        digest = 'sha256:' + self.part('the configuration', descriptor).sha256
        body = self.get(http, 'blobs/' + digest, most=LARGEST_CONFIG, expected=digest)
        if len(body) != descriptor['size']:
            raise Failure(CHECKSUM, '%s: the configuration has %d bytes, the manifest says %d'
                          % (self, len(body), descriptor['size']))
        try:
            found = json.loads(body)
        except ValueError:
            return {}  # an artifact's is whatever who made it wanted
        return found if isinstance(found, dict) else {}


def for_platform(manifests, platform, name):
    """The digest of the manifest to take from an index."""
    real = [entry for entry in manifests if (entry.get('platform') or {}).get('os') != 'unknown']  # not attestations
    if len(real) == 1:
        if platform_of(real[0]) not in ('', platform):
            log('%s is for %s alone; taken as it is' % (name, platform_of(real[0])))
        return real[0].get('digest')
    fitting = [entry for entry in real if (platform_of(entry) + '/').startswith(platform + '/')]
    if not fitting:
        raise Failure(NOT_FOUND, '%s has nothing for %s; it has: %s (platform)'
                      % (name, platform, ', '.join(map(platform_of, real)) or 'nothing'))
    return fitting[0].get('digest')


def platform_of(entry):
    found = entry.get('platform') or {}
    return '/'.join(filter(None, [found.get('os'), found.get('architecture'), found.get('variant')]))


def is_image_of(manifest, layers):
    """Whether the layers make a file system. ORAS once called its files image layers, but gave them names."""
    return (not manifest.get('artifactType') and not any(map(path_of, layers))
            and (manifest.get('config') or {}).get('mediaType') in IMAGE_CONFIGS
            and all(str(layer.get('mediaType')).startswith(IMAGE_LAYERS) for layer in layers))


def annotations_of(layer):
    return layer.get('annotations') or {}


def path_of(layer):
    return next((annotations_of(layer)[key] for key in PATHS if annotations_of(layer).get(key)), None)


def form_of(layer, is_image):
    """The kind of archive that a layer is; None for a file."""
    media_type = str(layer.get('mediaType'))
    form = next((form for ending, form in FORMS.items() if media_type.endswith('.' + ending)), None)
    if form and not is_image and path_of(layer) and media_type.startswith(IMAGE_LAYERS):
        return form if annotations_of(layer).get(UNPACK) == 'true' else None
    return form


def unnamed(layers):
    """The names of layers that have none of their own, in order; None where the type tells nothing."""
    stems = [NAMES.get(layer.get('mediaType')) for layer in layers]
    seen, names = {}, []
    for stem in stems:
        seen[stem] = number = seen.get(stem, 0) + 1
        if stem and stem[0] == 'model' and stems.count(stem) > 1:
            names.append('model-%05d-of-%05d%s' % (number, stems.count(stem), stem[1]))
        else:
            names.append(stem and '%s%s%s' % (stem[0], '-%d' % number if number > 1 else '', stem[1]))
    return names


def licence(manifest, config):
    """As the manifest says it, or the configuration of an image, or that of a ModelPack."""
    labels = (config.get('config') or {}).get('Labels') if isinstance(config.get('config'), dict) else None
    found = (manifest.get('annotations') or {}).get(LICENCES) or (labels or {}).get(LICENCES)
    described = config.get('descriptor')
    listed = described.get('licenses') if isinstance(described, dict) else None
    return found or (', '.join(map(str, listed)) if isinstance(listed, list) and listed else None)
