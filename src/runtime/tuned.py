#!/usr/bin/env python3
"""Verifies what a trainer has left (tune.py) and publishes it as an artifact.

The result is a folder below OUTPUT_DIR: full weights as on Hugging Face, or a LoRA adapter as PEFT writes one. It is
published only if its weights are whole. What belongs to it is moved to its place; checkpoints and logs go.

Of the pods of one Job (JOB_COMPLETION_INDEX) the first publishes, and the others wait for it; where it was ended and
trains again, they end too, as it cannot train without them. Can be killed at any instant and run again; two copies at
once do no harm. Exit codes: see program.py.
"""
import fnmatch
import json
import os
import secrets
import shutil
import sys
import time

from adopt import Adoption
from folder import Directory
from guard import absent_artifact
from marker import read_marker, sync_directory
from pins import walk
from program import CHECKSUM, Failure, Parser, TRANSIENT, USAGE, interruptible, log, matching, positive, run
from tensor_file import Damaged, tensor_names
from tune import STARTED, TRAINED, WORK, number_in

# What is moved, written down before the first file is, so that a later run knows what is missing.
LIST = 'result.json'

FULL_WEIGHTS, ADAPTER = 'full-weights', 'lora-adapter'
ADAPTER_CONFIG, ADAPTER_WEIGHTS = 'adapter_config.json', 'adapter_model.safetensors'
TOKENIZER = ('tokenizer*', 'special_tokens_map.json', 'added_tokens.json', 'vocab.*', 'merges.txt', 'chat_template*',
             '*.model', 'generation_config.json')
# What tells that a model has its tokenizer.
TOKENIZERS = ('tokenizer.json', 'tokenizer.model', 'vocab.json', 'vocab.txt')
BELONGS = {
    FULL_WEIGHTS: ('config.json', '*.safetensors', '*.safetensors.index.json', '*config.json', '*.py', *TOKENIZER),
    ADAPTER: (ADAPTER_CONFIG, 'adapter_model*.safetensors', 'adapter_model*.safetensors.index.json', *TOKENIZER),
}


class Result:
    """Which files of a folder make the artifact, and what its marker says of where they are from."""

    own_marker = False

    def __init__(self, options):
        self.options = options

    def described(self):
        parents = [(name, key, self.marker_of(folder, key)) for name, key, folder in self.options.parents]
        licences = {marker.get('licence') for _, _, marker in parents} - {None}
        made = {'type': 'fine-tune', 'result': self.options.kind, **dict(self.options.origin),
                'from': {name: marker.get('source') for name, _, marker in parents}}
        return {'licence': ' AND '.join(sorted(licences)) or None, 'parents': [key for _, key, _ in parents],
                'source': made}

    def marker_of(self, folder, key):
        if key in self.options.unmarked:  # an image: the kubelet has all of it, or none
            return {}
        missing = absent_artifact(folder, key)
        if missing:
            raise Failure(TRANSIENT, 'what was trained with is gone: %s' % missing)
        return read_marker(folder)

    def choose(self, folder):
        """({path: (status, None)}, []): the files at the top of the folder that belong to the result."""
        chosen = {}
        for entry in walk(folder):
            if '/' in entry.path or not self.belongs(entry.path):
                continue
            entry.refuse_what_is_no_file(folder)
            chosen[entry.path] = (entry.status, None)
        return dict(sorted(chosen.items())), []

    def belongs(self, name):
        kind = self.options.kind
        if kind == FULL_WEIGHTS and name.startswith('adapter_'):
            return False
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in BELONGS[kind])


class Publication(Adoption):
    """The artifact's folder, and the folder of the result in it."""

    def __init__(self, options):
        super().__init__(options.dir, False, Result(options), options.progress_seconds)
        self.options = options
        self.work = os.path.join(self.staging, WORK)

    def withdraw(self):
        """A marker of damaged files must not be believed, nor keep the trainer from running again."""
        if self.marker() is not None:
            self.retract()
            raise Failure(TRANSIENT, '%s was damaged; its marker is withdrawn, and the next run trains it anew' % self)

    def verified(self):
        listed = self.read_list()
        if listed:
            self.source = os.path.join(self.work, listed['folder'])
            self.check_listed(listed['files'])
            return listed['files']
        try:
            self.source = self.folder()
            self.complete_tokenizer()
            self.pins.choose(self.source)  # refuses links, before anything is read through one
            self.check()
        except Failure as failure:
            if failure.code in (CHECKSUM, USAGE):
                self.forget_training()
            raise
        files = super().verified()
        self.write_list({'folder': os.path.relpath(self.source, self.work), 'files': files})
        return files

    def folder(self):
        """The folder of the result: OUTPUT_DIR itself, or the last one below it that has such a name."""
        if not os.path.isdir(self.work):
            raise Failure(TRANSIENT, 'there is no %s: another copy may be at work' % self.work)
        if not self.options.folders:
            return self.work
        found = [os.path.join(self.work, name) for name in fnmatch.filter(os.listdir(self.work), self.options.folders)]
        if not found:
            raise Failure(CHECKSUM, 'the trainer ended well and left no %s in OUTPUT_DIR (%s); there are: %s'
                          % (self.options.folders, self.work, shown(os.listdir(self.work))))
        return max(found, key=number_in)

    def complete_tokenizer(self):
        """Trainers that leave a model's tokenizer as it is do not all write it."""
        if self.options.kind != FULL_WEIGHTS or any(self.has(name) for name in TOKENIZERS):
            return
        _, _, base = self.options.parents[0]
        for name in sorted(os.listdir(base)):
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in TOKENIZER) and not self.has(name):
                log('taking %s of the base model' % name)
                temporary = os.path.join(self.staging, secrets.token_hex(6))
                shutil.copyfile(os.path.join(base, name), temporary)
                os.rename(temporary, os.path.join(self.source, name))

    def has(self, name):
        return os.path.exists(os.path.join(self.source, name))

    def check(self):
        """Ends the program unless the result is what it is to be."""
        if self.options.kind == ADAPTER:
            kind = self.json(ADAPTER_CONFIG).get('peft_type')
            if kind != 'LORA':
                raise Failure(CHECKSUM, '%s is of the type %s, and was to be LORA: nothing is published'
                              % (ADAPTER_CONFIG, kind))
            if not self.tensors(ADAPTER_WEIGHTS):
                raise Failure(CHECKSUM, '%s has no tensors: nothing is published' % ADAPTER_WEIGHTS)
            return
        self.check_architecture()
        weights = [name for name in os.listdir(self.source)
                   if name.endswith('.safetensors') and self.pins.belongs(name)]
        if not weights:
            raise Failure(CHECKSUM, 'the trainer ended well and left no *.safetensors in %s; there are: %s'
                          % (self.source, shown(os.listdir(self.source))))
        tensors = {tensor for name in sorted(weights) for tensor in self.tensors(name)}
        if not tensors:
            raise Failure(CHECKSUM, 'the weights have no tensors: nothing is published')
        self.check_index(tensors)

    def check_architecture(self):
        _, _, base = self.options.parents[0]
        try:
            with open(os.path.join(base, 'config.json'), encoding='utf-8') as f:
                of_base = json.load(f).get('model_type')
        except (OSError, ValueError):
            return  # of a base that has none the trainer has made its own
        found = self.json('config.json').get('model_type')
        if of_base and found != of_base:
            raise Failure(CHECKSUM, 'the result is a model of the type %s, and the base model is of %s: nothing is '
                          'published' % (found, of_base))

    def check_index(self, tensors):
        index = 'model.safetensors.index.json'
        if not self.has(index):
            return
        missing = set(self.json(index).get('weight_map', {})) - tensors
        if missing:
            raise Failure(CHECKSUM, '%d tensors that %s lists are in no file: nothing is published: %s'
                          % (len(missing), index, shown(missing)))

    def json(self, name):
        try:
            with open(os.path.join(self.source, name), encoding='utf-8') as f:
                content = json.load(f)
        except FileNotFoundError:
            raise Failure(CHECKSUM, 'the trainer ended well and left no %s in %s; there are: %s'
                          % (name, self.source, shown(os.listdir(self.source))))
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Failure(CHECKSUM, '%s is no JSON object, or was cut off: nothing is published' % name)
        return content

    def tensors(self, name):
        try:
            return tensor_names(os.path.join(self.source, name))
        except FileNotFoundError:
            raise Failure(CHECKSUM, 'the trainer ended well and left no %s in %s; there are: %s'
                          % (name, self.source, shown(os.listdir(self.source))))
        except Damaged as damaged:
            raise Failure(CHECKSUM, '%s is %s: nothing is published' % (name, damaged))

    def forget_training(self):
        """A person who looks into it, and raises `attempt`, has the trainer go on at its last checkpoint."""
        try:
            os.unlink(os.path.join(self.staging, TRAINED))
        except FileNotFoundError:
            pass

    def check_listed(self, files):
        """What a former run has moved was on the disk by then; of the rest, a power cut may have taken some."""
        for file in files:
            at = os.path.join(self.source, file['path'])
            if self.sha256(at) == file['sha256'] if os.path.lexists(at) else self.size(file['path']) == file['size']:
                continue
            os.unlink(os.path.join(self.staging, LIST))
            self.forget_training()
            raise Failure(TRANSIENT, '%s is not what a former run has verified; the next run goes on at the last '
                          'checkpoint' % at)

    def move(self, files):
        super().move([file for file in files if os.path.lexists(os.path.join(self.source, file['path']))])

    def read_list(self):
        try:
            with open(os.path.join(self.staging, LIST), encoding='utf-8') as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def write_list(self, listed):
        path = os.path.join(self.staging, LIST)
        temporary = '%s.%s.new' % (path, secrets.token_hex(4))
        with open(temporary, 'w', encoding='utf-8') as f:
            json.dump(listed, f)
            f.flush()
            os.fsync(f.fileno())
        os.rename(temporary, path)
        sync_directory(self.staging)


def wait_for_first(options):
    """Waits until the first node has published, for as long as it does not train again."""
    staging = Directory(options.dir).staging
    began, told = started(staging), None
    while True:
        try:
            missing = absent_artifact(options.dir, options.key)
            if not missing:
                return {'key': options.key}
            if began and started(staging) not in (began, None):
                raise Failure(TRANSIENT, 'the first node was ended before it had published, and trains again; the next '
                              'run of this one joins it')
        except OSError as error:
            missing = '%s to be readable: %s' % (error.filename or 'the files', error)
        if told is None or time.monotonic() >= told + 60:
            log('waiting for %s' % missing)
            told = time.monotonic()
        time.sleep(options.every)


def started(staging):
    """What the first node has written when it started its trainer; None where it has not, or has published since."""
    try:
        with open(os.path.join(staging, STARTED), encoding='ascii') as f:
            return f.read()
    except FileNotFoundError:
        return None


def shown(names):
    some = sorted(names)[:8]
    return ', '.join(some) + (' and %d more' % (len(names) - len(some)) if len(names) > len(some) else '') or 'nothing'


def parent(text):
    """NAME=KEY=FOLDER of an artifact that it was trained with; the first is the base model."""
    name, key, folder = text.split('=', 2)
    return name, key, folder


def parse(arguments):
    parser = Parser(prog='tuned.py', description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    parser.add_argument('--dir', required=True, help='the folder of the artifact')
    parser.add_argument('--kind', choices=[FULL_WEIGHTS, ADAPTER], required=True)
    parser.add_argument('--folders', metavar='GLOB', help='the last folder of such a name in OUTPUT_DIR is the result')
    parser.add_argument('--parent', dest='parents', action='append', required=True, type=parent,
                        metavar='NAME=KEY=FOLDER', help='what it was trained with, the base model first')
    parser.add_argument('--unmarked', action='append', default=[], help='the key of a parent that has no marker')
    parser.add_argument('--origin', action='append', default=[], metavar='NAME=VALUE',
                        type=lambda text: matching(r'\w+=(?s:.*)', 'NAME=VALUE')(text).split('=', 1))
    parser.add_argument('--progress-seconds', type=int, default=10)
    parser.add_argument('--every', type=positive, default=5, help='seconds between two looks at the first node')
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    if os.environ.get('JOB_COMPLETION_INDEX', '0') != '0':
        return interruptible(lambda: wait_for_first(options))
    publication = Publication(options)
    return interruptible(lambda: publication.adopt(options.key))


if __name__ == '__main__':
    run(main)
