#!/usr/bin/env python3
"""Converts a Hugging Face model to GGUF with the tools of llama.cpp, quantizes it and splits it.

The tools are those of the image: convert_hf_to_gguf.py (or convert_lora_to_gguf.py, for an adapter), llama-quantize
and llama-gguf-split. What they wrote is published only when it says of itself what was asked for and has the length
that it needs for that. What a tool has finished is kept until the artifact is complete, so that a later run continues
with the next one.

Can be killed at any instant and run again; a second copy waits for the first. Exit codes as in program.py:
  0 complete; 64 refused, or the tool cannot do it, 65 damaged input or output, 66 no such input, 73 no disk or memory
  left, 77 no access are final; 75 may be retried.
"""
import collections
import contextlib
import errno
import fcntl
import glob
import os
import re
import secrets
import shutil
import signal
import sys
import time

from folder import Directory
from gguf_file import Damaged, read_gguf
from marker import expect, sync_directory
from program import CHECKSUM, FULL, Failure, NOT_FOUND, Parser, TRANSIENT, USAGE, log, matching, os_error_code, \
    positive, readable, run
from tool import run_tool
from transfer import complete

# What the file says of itself (general.file_type, enum llama_ftype of llama.cpp), by what it is asked for as.
FILE_TYPES = {
    'F32': 0, 'F16': 1, 'BF16': 32, 'Q8_0': 7, 'Q4_0': 2, 'Q4_1': 3, 'Q5_0': 8, 'Q5_1': 9, 'Q2_K': 10, 'Q2_K_S': 21,
    'Q3_K_S': 11, 'Q3_K_M': 12, 'Q3_K_L': 13, 'Q4_K_S': 14, 'Q4_K_M': 15, 'Q5_K_S': 16, 'Q5_K_M': 17, 'Q6_K': 18,
    'IQ1_S': 24, 'IQ1_M': 31, 'IQ2_XXS': 19, 'IQ2_XS': 20, 'IQ2_S': 28, 'IQ2_M': 29, 'IQ3_XXS': 23, 'IQ3_XS': 22,
    'IQ3_S': 26, 'IQ3_M': 27, 'IQ4_NL': 25, 'IQ4_XS': 30, 'TQ1_0': 36, 'TQ2_0': 37,
}
# The type that is nearest to the weights' own; its file says F16 or BF16.
AUTO = 'AUTO'
# What the converter writes by itself; all else llama-quantize makes of one of these.
CONVERTED = ('F32', 'F16', 'BF16', 'Q8_0', AUTO)
# convert_lora_to_gguf.py fails at `auto`.
ADAPTER_TYPES = tuple(kind for kind in CONVERTED if kind != AUTO)
# Weights that are in 4-bit floats stay so, and the file says that they are (MXFP4, NVFP4).
KEPT_AS_THEY_ARE = (38, 39)

# Less than this is nothing to a tool that writes gigabytes.
HARDLY_ANY = 64 << 20

# One step from the model to the file: what is left of it in the staging folder, the tool, the type of the file.
Step = collections.namedtuple('Step', 'name make type')


class Conversion(Directory):
    """The artifact's folder, and how it is filled."""

    def __init__(self, options):
        super().__init__(os.path.abspath(options.output))  # the tools run in another folder
        self.options = options
        self.own = os.path.join(self.staging, secrets.token_hex(4))
        self.steps = [Step('converted', self.convert, converted_type(options))]
        if options.type not in CONVERTED:
            self.steps.append(Step('quantized', self.quantize, options.type))

    def fill(self):
        started = time.monotonic()
        marker = complete(self, self.options.key)
        if not marker and self.prepare():
            marker = complete(self, self.options.key)  # another copy was at work, and may have completed it
        if marker:
            log('%s is complete already: %d files, %s' % (self, len(marker['files']), readable(marker['bytes'])))
            self.tidy()
        else:
            self.retract()  # a marker of damaged files must not be believed
            marker = self.build()
            log('complete: %s, %s' % (shown(marker['files']), readable(marker['bytes'])))
        return {'files': len(marker['files']), 'bytes': marker['bytes'], 'key': self.options.key,
                'seconds': round(time.monotonic() - started, 1), 'model': marker['files'][0]['path']}

    def build(self):
        options = self.options
        inputs = [(options.input, options.input_key), (options.base, options.base_key),
                  (options.imatrix_dir, options.imatrix_key)]
        parents = [(key, check_input(folder, key, options.unmarked)) for folder, key in inputs if folder]
        self.clean()
        os.mkdir(self.own)
        whole = self.whole()
        with self.undisturbed(whole):
            parts = self.split(whole) if self.options.max_file_mb else {self.options.name + '.gguf': whole}
        files = [self.entry(name, path) for name, path in sorted(parts.items())]
        marker = self.marker_of(files, parents)
        for name, path in parts.items():
            os.rename(path, os.path.join(self.path, name))
        sync_directory(self.path)
        self.publish(marker)
        return marker

    def clean(self):
        """Removes what killed copies left, but what a tool has finished. Without locks a copy may be alive."""
        if not self.alone():
            return
        for entry in os.scandir(self.staging):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)

    def alone(self):
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False

    def whole(self):
        """The path of the file that all steps made, one after the other."""
        finished = [index for index, step in enumerate(self.steps) if self.is_finished(step)]
        begin = finished[-1] + 1 if finished else 0
        self.check_space(begin)
        for index in range(begin, len(self.steps)):
            step = self.steps[index]
            source = self.kept(self.steps[index - 1]) if index else None
            path = os.path.join(self.own, step.name + '.gguf')
            with self.undisturbed(source):
                step.make(source, path)
                check_file(path, step.type, self.options.base)
            flush(path)
            os.rename(path, self.kept(step))
            sync_directory(self.staging)
            if source:
                unlink(source)
        return self.kept(self.steps[-1])

    @contextlib.contextmanager
    def undisturbed(self, source):
        """Where there are no locks, a copy that completes the artifact removes what others work at: no tool's fault."""
        try:
            yield
        except Failure:
            gone = [path for path in (self.own, source) if path and not os.path.exists(path)]
            if not gone:
                raise
            raise Failure(TRANSIENT, '%s is gone, as another copy of this Job has removed it: the next run finds what '
                          'that one has made' % gone[0])

    def kept(self, step):
        return os.path.join(self.staging, step.name + '.gguf')

    def is_finished(self, step):
        """Whether a former run has left what the step makes."""
        if not os.path.exists(self.kept(step)):
            return False
        try:
            check_file(self.kept(step), step.type, self.options.base)
        except Failure as failure:
            log('%s: making it again' % failure)
            unlink(self.kept(step))
            return False
        log('a former run has left the %s file, %s' % (step.name, readable(os.path.getsize(self.kept(step)))))
        return True

    def check_space(self, begin):
        """Checks for room before the long work, where it is known how much that takes."""
        if begin or not self.options.needs_bytes:
            return
        room = os.statvfs(self.path)
        free = room.f_bavail * room.f_frsize
        if room.f_blocks and free < self.options.needs_bytes:
            raise Failure(FULL, '%s has room for %s, and about %s are needed while it is converted: enlarge the claim'
                          % (self.path, readable(free), readable(self.options.needs_bytes)))

    def convert(self, _source, path):
        # Under the model's name: the converter puts the folder's into the file.
        model = os.path.join(self.own, self.options.model_name)
        os.symlink(os.path.abspath(self.options.input), model)
        words = [sys.executable, '-u', self.tool('convert_lora_to_gguf.py' if self.options.base else
                                                 'convert_hf_to_gguf.py'),
                 '--outfile', path, '--outtype', converted_type(self.options).lower()]
        words += ['--base', os.path.abspath(self.options.base)] if self.options.base else ['--model-name', self.options.model_name]
        self.run('converter', [*words, model], path)

    def quantize(self, source, path):
        matrix = []
        if self.options.imatrix:
            # Its path gets into the file, and is nothing that a reader could use.
            os.symlink(os.path.join(os.path.abspath(self.options.imatrix_dir), self.options.imatrix),
                       os.path.join(self.own, 'imatrix'))
            matrix = ['--imatrix', 'imatrix']
        self.run('quantizer', [self.tool('llama-quantize'), *matrix, source, path, self.options.type,
                               str(self.options.threads)], path)

    def split(self, whole):
        """The parts of the file, by the names that they get."""
        stem = os.path.join(self.own, self.options.name)
        for path in glob.glob(glob.escape(stem) + '-*.gguf'):
            os.unlink(path)
        size = '%dM' % self.options.max_file_mb
        self.run('splitter', [self.tool('llama-gguf-split'), '--split', '--split-max-size', size, whole, stem], stem)
        parts = sorted(glob.glob(glob.escape(stem) + '-*-of-*.gguf'))
        tensors = sum(check_file(path, None, None).tensors for path in parts)
        expected = ['%s-%05d-of-%05d.gguf' % (stem, index + 1, len(parts)) for index in range(len(parts))]
        if not parts or parts != expected or tensors != read_gguf(whole).tensors:
            raise Failure(CHECKSUM, 'llama-gguf-split wrote %d parts with %d tensors of %d: nothing is published'
                          % (len(parts), tensors, read_gguf(whole).tensors))
        for path in parts:
            flush(path)
        return {os.path.basename(path): path for path in parts}

    def tool(self, name):
        path = os.path.join(self.options.tools, name)
        if not os.path.exists(path):
            raise Failure(USAGE, 'the image has no %s: name one of llama.cpp\'s "full" images, '
                          'whose tags begin with full-' % path)
        return path

    def run(self, what, words, output):
        log('running ' + ' '.join(words))
        ended = run_tool(words, self.own, self.environment())
        if ended.code:
            raise failure_of(what, ended, self.options.version, self.path)
        log('the %s is done' % what)

    def environment(self):
        """Nothing is fetched, and nothing is written but to this process's own folder."""
        own, threads = self.own, str(self.options.threads)
        return {
            **os.environ, 'HOME': own, 'TMPDIR': own, 'XDG_CACHE_HOME': own, 'HF_HOME': own, 'USER': 'cdk8s-llm',
            'HF_HUB_OFFLINE': '1', 'TRANSFORMERS_OFFLINE': '1', 'HF_HUB_DISABLE_TELEMETRY': '1',
            'TOKENIZERS_PARALLELISM': 'false', 'OMP_NUM_THREADS': threads, 'PYTHONUTF8': '1',
            'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONNODEBUGRANGES': '1', 'TQDM_MININTERVAL': '10',
        }

    def entry(self, name, path):
        log('hashing %s, %s' % (name, readable(os.path.getsize(path))))
        return {'path': name, 'size': os.path.getsize(path), 'sha256': self.sha256(path)}

    def marker_of(self, files, parents):
        options, (_, model) = self.options, parents[0]
        made = {'type': 'gguf-conversion', 'converter': 'llama.cpp/' + options.version, 'weights': options.type,
                'name': options.name, 'from': model.get('source')}
        return {'format': 1, 'key': options.key, 'source': made, 'licence': model.get('licence'),
                'parents': [key for key, _ in parents], 'bytes': sum(file['size'] for file in files), 'files': files}


def converted_type(options):
    return options.type if options.type in CONVERTED else options.intermediate


def check_input(folder, key, unmarked):
    """The marker of an artifact that is whole, as it was when it was made."""
    if key in unmarked:  # an image: the kubelet has all of it, or none
        return {}
    artifact = Directory(folder)
    marker = expect(artifact, key, TRANSIENT)
    damage = artifact.damage(marker, deep=False)
    if damage:
        raise Failure(CHECKSUM, '%s: it is what is converted; delete its folder, and make it again' % damage)
    return marker


def check_file(path, file_type, adapter):
    """What a file says of itself; ends the program unless that is what was asked for."""
    try:
        gguf = read_gguf(path)
    except FileNotFoundError:
        raise Failure(CHECKSUM, 'no %s was written, though the tool reported success' % os.path.basename(path))
    except Damaged as damaged:
        raise Failure(CHECKSUM, '%s is %s: nothing is published' % (os.path.basename(path), damaged))
    if not gguf.tensors:
        raise Failure(CHECKSUM, '%s has no tensors: nothing is published' % os.path.basename(path))
    if adapter and gguf.metadata.get('general.type') != 'adapter':
        raise Failure(CHECKSUM, '%s is no adapter: nothing is published' % os.path.basename(path))
    found = gguf.metadata.get('general.file_type')
    if file_type and not adapter and found not in allowed_types(file_type):
        raise Failure(CHECKSUM, '%s says that it is of file type %s, and was to be %s: nothing is published'
                      % (os.path.basename(path), found, file_type))
    return gguf


def allowed_types(file_type):
    if file_type == AUTO:
        return (FILE_TYPES['F16'], FILE_TYPES['BF16'], *KEPT_AS_THEY_ARE)
    return (FILE_TYPES[file_type], *(KEPT_AS_THEY_ARE if file_type in CONVERTED else ()))


def failure_of(what, ended, version, folder):
    """What the end of a tool means: final unless it is of a kind that passes."""
    said = ' / '.join(ended.last)
    told = '; its last lines: ' + said if said else ', without a word'
    if ended.code < 0 and not ended.out_of_memory:
        about = ' (perhaps the node is short of memory)' if ended.code == -signal.SIGKILL else ''
        return Failure(TRANSIENT, 'the %s was ended by %s%s%s' % (what, signal.Signals(-ended.code).name, about, told))
    if ended.out_of_memory or re.search(r'MemoryError|bad_alloc|not enough memory', said):
        return Failure(FULL, 'the %s ran out of memory: raise the memory of the conversion%s' % (what, told))
    failed = 'the %s of llama.cpp %s failed (exit %d)' % (what, version, ended.code)
    unknown = re.search(r'Model (\S+) is not supported', said)
    if unknown:
        return Failure(USAGE, '%s: it does not know the architecture %s. Name the image of a newer version, or serve '
                       'the model by another engine' % (failed, unknown[1]))
    if 'requires an imatrix' in said or 'requires an importance matrix' in said or 'Missing importance matrix' in said:
        return Failure(USAGE, '%s: this quantization needs an importance matrix%s' % (failed, told))
    if 'pre-tokenizer was not recognized' in said:
        return Failure(USAGE, '%s: it does not know the model\'s tokenizer. Name the image of a newer version%s'
                       % (failed, told))
    number = re.search(r'\[Errno (\d+)\]', said)
    if number:
        return Failure(os_error_code(OSError(int(number[1]), '')), failed + told)
    if os.strerror(errno.ENOSPC) in said or no_room(folder):
        return Failure(FULL, '%s: %s is full; enlarge it%s' % (failed, folder, told))
    return Failure(USAGE, failed + told)


def no_room(folder):
    """llama-quantize says nothing but `iostream error` when the disk is full."""
    room = os.statvfs(folder)
    return room.f_blocks and room.f_bavail * room.f_frsize < HARDLY_ANY


def flush(path):
    """Makes sure that the file survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unlink(path):
    with contextlib.suppress(FileNotFoundError):  # another copy, where locks do not work
        os.unlink(path)


def shown(files):
    return files[0]['path'] + (' and %d more' % (len(files) - 1) if len(files) > 1 else '')


def parse(arguments):
    name = matching(r'[A-Za-z0-9][A-Za-z0-9._-]*', 'a name of letters, digits, dots, dashes and underscores')
    parser = Parser(prog='gguf_convert.py', description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('--input', required=True, help='folder of the complete Hugging Face artifact')
    parser.add_argument('--input-key', required=True, help='the key that its marker must have')
    parser.add_argument('--unmarked', action='append', default=[], help='the key of an input that has no marker: an image')
    parser.add_argument('--output', required=True, help='folder that the files and the marker go to')
    parser.add_argument('--key', required=True, help="the key that the output's marker gets")
    parser.add_argument('--name', type=name, required=True, help='of the file, without .gguf')
    parser.add_argument('--model-name', type=name, required=True, help='of the model, in the file')
    parser.add_argument('--type', choices=[*FILE_TYPES, AUTO], required=True, help='how the weights are stored')
    parser.add_argument('--intermediate', choices=CONVERTED, default=AUTO, help='what is quantized')
    parser.add_argument('--version', required=True, help='of llama.cpp')
    parser.add_argument('--tools', required=True, help='the folder of its tools')
    parser.add_argument('--threads', type=positive, default=1)
    parser.add_argument('--needs-bytes', type=positive, help='of the disk, while it is converted')
    parser.add_argument('--max-file-mb', type=positive, help='split the file into parts of at most so many megabytes')
    parser.add_argument('--imatrix', help='the file of the importance matrix, below --imatrix-dir')
    parser.add_argument('--imatrix-dir', help='folder of the artifact that has it')
    parser.add_argument('--imatrix-key')
    parser.add_argument('--base', help='folder of the model whose adapter the input is')
    parser.add_argument('--base-key')
    options = parser.parse_args(arguments)
    if bool(options.base) != bool(options.base_key):
        parser.error('--base and --base-key go together')
    if len({bool(each) for each in (options.imatrix, options.imatrix_dir, options.imatrix_key)}) > 1:
        parser.error('--imatrix, --imatrix-dir and --imatrix-key go together')
    if options.base and options.type not in ADAPTER_TYPES:
        parser.error('an adapter is not quantized: --type is one of ' + ', '.join(ADAPTER_TYPES))
    return options


def main():
    options = parse(sys.argv[1:])
    if options.imatrix and not os.path.exists(os.path.join(options.imatrix_dir, options.imatrix)):
        raise Failure(NOT_FOUND, '%s has no %s' % (options.imatrix_dir, options.imatrix))
    return Conversion(options).fill()


if __name__ == '__main__':
    run(main)
