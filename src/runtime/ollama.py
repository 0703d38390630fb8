"""Source: a model in Ollama's registry, or in another one in the same form.

Its layers become files under fixed names (see NAMES), whatever the model is called, so that what serves it need not
know. Facts: the repository ollama/ollama, `server/images.go` (media types) and `types/model/name.go` (names).
"""
import registry
from program import Failure, USAGE
from transfer import Output

PREFIX = 'application/vnd.ollama.image.'

# By the last part of a layer's media type: the file's name before and after a number, if there are several.
NAMES = {
    'model': ('model', '.gguf'),
    'projector': ('mmproj', '.gguf'),
    'adapter': ('adapter', '.gguf'),
    'draft': ('draft', '.gguf'),
    'template': ('template', '.gotmpl'),
    'prompt': ('template', '.gotmpl'),  # its older name
    'system': ('system', '.txt'),
    'params': ('params', '.json'),
    'messages': ('messages', '.json'),
    'license': ('LICENSE', ''),
}
LEFT_OUT = ('embed',)  # which Ollama itself ignores since 0.1.3


def add_arguments(parser):
    registry.add_arguments(parser)


def source(options):
    return Model(options)


class Model(registry.Registry):
    shelves = ('blobs', 'manifests')  # Ollama's registry has them with the blobs: its own client looks there

    def look(self, http):
        """(the outputs, what the marker says of their origin)"""
        manifest, digest = self.manifest(http)
        names = names_of([kind_of(layer, self) for layer in manifest.get('layers') or []])
        outputs = [Output(name, [self.part(name, layer)]) for name, layer in zip(names, manifest['layers']) if name]
        if (manifest.get('config') or {}).get('digest'):
            outputs.append(Output('ollama.json', [self.part('ollama.json', manifest['config'])]))
        return outputs, {'licence': None, 'parents': [], 'source': {
            'type': 'ollama', 'repo': self.name, 'tag': self.tag, 'digest': digest}}


def kind_of(layer, name):
    media_type = str(layer.get('mediaType')).partition(';')[0].strip()
    kind = media_type.removeprefix(PREFIX)
    if kind == 'tensor':
        raise Failure(USAGE, '%s is made of single tensors, for MLX; what serves GGUF cannot read it' % name)
    if not media_type.startswith(PREFIX) or kind not in (*NAMES, *LEFT_OUT):
        raise Failure(USAGE, '%s has a layer of type %r, which no model of Ollama has; is it an oci:// source?'
                      % (name, layer.get('mediaType')))
    return kind


def names_of(kinds):
    """The files' names, in the order of the layers; None for what is left out."""
    names, seen = [], {}
    for kind in kinds:
        stem, ending = NAMES.get(kind, (None, None))
        seen[stem] = number = seen.get(stem, 0) + 1
        if kind == 'model' and kinds.count(kind) > 1:
            names.append('model-%05d-of-%05d.gguf' % (number, kinds.count(kind)))  # as llama.cpp reads them
        else:
            names.append(stem and '%s%s%s' % (stem, '-%d' % number if number > 1 else '', ending))
    if 'model' not in kinds:
        raise Failure(USAGE, 'the manifest names no weights: its layers are %s' % (', '.join(kinds) or 'none'))
    return names
