#!/usr/bin/env python3
"""Converts a Hugging Face model for distributed-llama: safetensors to one .m and one .t file.

Python and numpy alone. Writes, byte for byte, what distributed-llama v0.16.2's own converter writes for
llama, mistral, qwen3 and qwen3_moe in q40 and f32, whatever the shards, and reads the layouts of
transformers 4 and 5. All that can be refused is refused before the long work starts.

Weights are mapped, never loaded: memory is bounded by threads, not by the model. Everything is built in
`<output>/.building`, moved into place when its sizes are right, and published by the marker. The program
can be killed at any instant and run again; a second copy waits for the first.

Exit codes as in program.py: 0 complete; 64 refused, 65 damaged input, 73 full are final; 75 may be retried.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import re
import resource
import secrets
import shutil
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# numpy's BLAS would start a thread, with memory of its own, for every core. Nothing here uses it.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import program
from marker import MARKER, STORED, read_marker, sync_directory, write_marker
from program import Failure, log

try:
    import numpy as np
except ImportError:
    np = None

CONVERTER = 'cdk8s-llm-dllama/1'

F32, Q40 = 'f32', 'q40'
# What the header of a .m file calls them.
WEIGHT_TYPE = {F32: 0, Q40: 2}

LLAMA, QWEN3, QWEN3_MOE = 0xABCD00, 0xABCD01, 0xABCD02
ARCHITECTURES = {'llama': LLAMA, 'mistral': LLAMA, 'qwen3': QWEN3, 'qwen3_moe': QWEN3_MOE}
# The header has room for gelu too, but the runtime computes silu whatever it says.
ACTIVATIONS = {'silu': 1}
EPSILONS = {1e-05: 5, 1e-06: 6}
ROPE_LLAMA3 = 2

MODEL_MAGIC, TOKENIZER_MAGIC = 0x0A00ABCD, 0x567124

# A q40 block: 32 weights as one float16 scale and 16 bytes of nibbles.
BLOCK_WEIGHTS, BLOCK_BYTES = 32, 18

# Weights in one task of a thread: large enough that handing it over costs nothing, small enough that tasks
# in flight take a few MiB for each thread.
TASK_WEIGHTS = 1 << 19
# Weights that a thread converts at a time: they and their intermediate forms fit in a core's cache.
STEP_WEIGHTS = 1 << 16

# The file format limits its header to 100 MB.
MAX_SAFETENSORS_HEADER = 100_000_000

# Tensors that carry nothing: old checkpoints store what is computed from the configuration.
IGNORED_TENSOR = re.compile(r'rotary_emb\.inv_freq$')

PROGRESS_SECONDS = 10


def refuse(message):
    raise Failure(program.USAGE, message)


def some(names):
    """A few of the names, for a message."""
    names = sorted(names)
    return ', '.join(names[:4]) + (' and %d more' % (len(names) - 4) if len(names) > 4 else '')


# ---------------------------------------------------------------------------------------------------------
# The model's configuration


Model = collections.namedtuple(
    'Model',
    'arch weights dim hidden_dim layers heads kv_heads head_dim experts moe_hidden_dim vocab tied header')


def read_json(folder, name, default=None):
    path = os.path.join(folder, name)
    try:
        with open(path, encoding='utf-8') as f:
            return json.load(f)
    except FileNotFoundError:
        if default is None:
            refuse('%s is missing in the input: add it to what the download includes' % name)
        return default
    except ValueError as error:
        refuse('%s is not JSON: %s' % (name, error))


def read_model(folder, weights):
    """What config.json says, checked; `header` is the list of (key, value) that the .m file begins with."""
    config = read_json(folder, 'config.json')

    def count(name, default=None):
        value = config.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            refuse('config.json: %s is %r, but must be a positive whole number' % (name, value))
        return value

    def one_of(name, allowed):
        value = config.get(name)
        if not isinstance(value, (str, float)) or value not in allowed:
            refuse('config.json: %s is %r; distributed-llama knows %s' % (
                name, value, ', '.join(str(key) for key in allowed)))
        return allowed[value]

    arch = one_of('model_type', ARCHITECTURES)
    activation = one_of('hidden_act', ACTIVATIONS)
    epsilon = one_of('rms_norm_eps', EPSILONS)
    for name in ('attention_bias', 'mlp_bias'):
        if config.get(name):
            refuse('config.json: %s is true; distributed-llama has no bias' % name)
    if config.get('quantization_config'):
        refuse('config.json: the weights are quantized (%s); convert the repository with bf16 weights' %
               config['quantization_config'].get('quant_method', 'quantization_config'))

    dim, heads, vocab = count('hidden_size'), count('num_attention_heads'), count('vocab_size')
    layers, hidden_dim = count('num_hidden_layers'), count('intermediate_size')
    kv_heads = count('num_key_value_heads', heads)
    if heads % kv_heads:
        refuse('config.json: num_attention_heads %d is no multiple of num_key_value_heads %d' % (heads, kv_heads))
    if config.get('head_dim') is None and dim % heads:
        refuse('config.json: hidden_size %d is no multiple of num_attention_heads %d' % (dim, heads))
    head_dim = count('head_dim', dim // heads)
    if head_dim % 2:
        refuse('config.json: head_dim %d is odd; rotary embeddings need pairs' % head_dim)

    header = [
        (0, 0), (1, arch), (11, activation), (2, dim), (3, hidden_dim), (4, layers), (5, heads), (6, kv_heads),
        (13, WEIGHT_TYPE[weights]), (10, count('max_position_embeddings')), (9, vocab),
    ]
    experts, active, moe_hidden_dim = read_experts(config, arch)
    header += [(7, experts), (8, active)]
    header += read_rope(config, arch)
    if config.get('head_dim') is not None:
        header += [(19, head_dim)]
    header += [(20, epsilon)]
    if moe_hidden_dim is not None:
        header += [(21, moe_hidden_dim)]

    model = Model(arch, weights, dim, hidden_dim, layers, heads, kv_heads, head_dim, experts, moe_hidden_dim,
                  vocab, config.get('tie_word_embeddings'), header)
    if weights == Q40:
        for name, value in (('hidden_size', dim), ('num_attention_heads x head_dim', heads * head_dim),
                            ('num_key_value_heads x head_dim', kv_heads * head_dim),
                            ('moe_intermediate_size' if experts else 'intermediate_size', ff_dim(model))):
            if value % BLOCK_WEIGHTS:
                refuse('config.json: %s is %d, which is no multiple of 32 as q40 needs; convert to f32' % (
                    name, value))
    window = config.get('sliding_window')
    if window and config.get('use_sliding_window', True):
        log('note: the model attends to the last %d tokens in some layers, distributed-llama to all: '
            'set maxSeqLen to at most %d' % (window, window))
    return model


def read_experts(config, arch):
    """Experts, active experts and their hidden dimension (None where the configuration has none)."""
    experts = config.get('num_experts')
    if experts is None:
        experts = config.get('num_local_experts')  # as transformers 5 writes it
    experts = int(experts or 0)
    active = int(config.get('num_experts_per_tok') or 0)
    hidden_dim = config.get('moe_intermediate_size')
    if arch != QWEN3_MOE:
        if experts:
            refuse('config.json: %d experts in a %s; distributed-llama has experts in qwen3_moe only' % (
                experts, config['model_type']))
        return experts, active, hidden_dim
    if not 1 <= active <= experts or not isinstance(hidden_dim, int) or hidden_dim < 1:
        refuse('config.json: num_experts %d, num_experts_per_tok %d and moe_intermediate_size %r make no '
               'mixture of experts' % (experts, active, hidden_dim))
    if config.get('decoder_sparse_step', 1) != 1 or config.get('mlp_only_layers'):
        refuse('config.json: layers without experts (decoder_sparse_step, mlp_only_layers); '
               'distributed-llama has experts in every layer or in none')
    if config.get('norm_topk_prob') is not True:
        refuse('config.json: norm_topk_prob is not true; distributed-llama always normalizes the weights of '
               'the chosen experts')
    return experts, active, hidden_dim


def read_rope(config, arch):
    """The rotary embedding's header entries, from where transformers 4 or 5 writes them."""
    parameters = config.get('rope_parameters') or {}
    scaling = config.get('rope_scaling') or parameters
    if any(isinstance(value, dict) for value in (*parameters.values(), *scaling.values())):
        refuse('config.json: rotary embeddings that differ from layer to layer; distributed-llama has one')
    for name in ('partial_rotary_factor', 'rotary_pct'):
        if config.get(name, parameters.get(name, 1)) not in (None, 1):
            refuse('config.json: %s is not 1; distributed-llama rotates whole heads' % name)

    def whole(name, value):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            refuse('config.json: the rotary embedding\'s %s is %r, but the .m file holds whole numbers only' % (
                name, value))
        if not 0 < value < 1 << 31:
            refuse('config.json: the rotary embedding\'s %s %r does not fit in 31 bits' % (name, value))
        return int(value)

    header = []
    theta = next((source['rope_theta'] for source in (config, parameters, scaling)
                  if source.get('rope_theta') is not None), None)
    if theta is not None:
        header.append((12, whole('rope_theta', theta)))
    else:
        log('note: config.json has no rope_theta; distributed-llama takes 10000, as transformers does')
    kind = scaling.get('rope_type', scaling.get('type', 'default'))
    if kind == 'default':
        return header
    if kind != 'llama3':
        refuse('config.json: rope_type is %r; distributed-llama knows default and llama3' % kind)
    if arch != LLAMA:
        refuse('config.json: rope_type is llama3 in a %s; distributed-llama scales in llama only' %
               config['model_type'])
    for key, name in ((14, 'factor'), (15, 'low_freq_factor'), (16, 'high_freq_factor'),
                      (17, 'original_max_position_embeddings')):
        header.append((key, whole(name, scaling.get(name))))
    return header + [(18, ROPE_LLAMA3)]


def ff_dim(model):
    return model.moe_hidden_dim if model.experts else model.hidden_dim


# ---------------------------------------------------------------------------------------------------------
# What the .m file holds, in order


# Rows are taken in the order of rotary pairs where `paired`: see `pair_rows`.
Item = collections.namedtuple('Item', 'name shape type paired')


def plan(model):
    """Every tensor of the .m file, in order."""
    dim, vocab, weights = model.dim, model.vocab, model.weights
    q_dim, kv_dim = model.heads * model.head_dim, model.kv_heads * model.head_dim
    paired = model.arch == LLAMA
    yield Item('model.embed_tokens.weight', (vocab, dim), F32, False)
    for layer in range(model.layers):
        prefix = 'model.layers.%d.' % layer
        yield Item(prefix + 'self_attn.q_proj.weight', (q_dim, dim), weights, paired)
        yield Item(prefix + 'self_attn.k_proj.weight', (kv_dim, dim), weights, paired)
        yield Item(prefix + 'self_attn.v_proj.weight', (kv_dim, dim), weights, False)
        yield Item(prefix + 'self_attn.o_proj.weight', (dim, q_dim), weights, False)
        if model.experts:
            yield Item(prefix + 'mlp.gate.weight', (model.experts, dim), F32, False)
            feeds = [prefix + 'mlp.experts.%d.' % expert for expert in range(model.experts)]
        else:
            feeds = [prefix + 'mlp.']
        for feed in feeds:
            yield Item(feed + 'gate_proj.weight', (ff_dim(model), dim), weights, False)
            yield Item(feed + 'down_proj.weight', (dim, ff_dim(model)), weights, False)
            yield Item(feed + 'up_proj.weight', (ff_dim(model), dim), weights, False)
        if model.arch != LLAMA:
            yield Item(prefix + 'self_attn.q_norm.weight', (model.head_dim,), F32, False)
            yield Item(prefix + 'self_attn.k_norm.weight', (model.head_dim,), F32, False)
        yield Item(prefix + 'input_layernorm.weight', (dim,), F32, False)
        yield Item(prefix + 'post_attention_layernorm.weight', (dim,), F32, False)
    yield Item('model.norm.weight', (dim,), F32, False)
    yield Item('lm_head.weight', (vocab, dim), weights, False)


def stored_bytes(weight_type, weights):
    return weights * 4 if weight_type == F32 else weights // BLOCK_WEIGHTS * BLOCK_BYTES


def model_bytes(model):
    """The size of the .m file by formula: a check on the plan and on what was written."""
    dim, vocab = model.dim, model.vocab
    q_dim, kv_dim = model.heads * model.head_dim, model.kv_heads * model.head_dim
    layer = (2 * 4 * dim
             + 2 * stored_bytes(model.weights, dim * q_dim)
             + 2 * stored_bytes(model.weights, dim * kv_dim)
             + 3 * max(model.experts, 1) * stored_bytes(model.weights, dim * ff_dim(model))
             + 4 * dim * model.experts
             + (0 if model.arch == LLAMA else 2 * 4 * model.head_dim))
    return (len(model_header(model)) + 4 * vocab * dim + model.layers * layer + 4 * dim
            + stored_bytes(model.weights, dim * vocab))


def model_header(model):
    data = b''.join(struct.pack('<ii', key, value) for key, value in model.header)
    return struct.pack('<ii', MODEL_MAGIC, 8 + len(data)) + data


# ---------------------------------------------------------------------------------------------------------
# Safetensors


# `offset` is where the tensor's bytes begin in the file.
Tensor = collections.namedtuple('Tensor', 'path dtype shape offset')

DTYPES = {'BF16': '<u2', 'F16': '<f2', 'F32': '<f4'}


def weight_files(folder):
    """Names of the safetensors files: those of the index, or all when there is no index."""
    present = {name for name in os.listdir(folder) if name.endswith('.safetensors') and not name.startswith('.')}
    index = read_json(folder, 'model.safetensors.index.json', {}).get('weight_map')
    if index is None:
        if not present:
            refuse('no *.safetensors in the input; other formats (.bin, .pth, .gguf) are not converted')
        return sorted(present), None
    named = set(index.values())
    if named - present:
        refuse('shards of model.safetensors.index.json are missing: %s; download the whole repository' %
               some(named - present))
    if present - named:
        refuse('stray files beside those of model.safetensors.index.json: %s; exclude them from the download' %
               some(present - named))
    return sorted(named), index


def find_tensors(folder):
    """Every tensor of the input by name."""
    files, index = weight_files(folder)
    tensors = {}
    for name in files:
        for tensor_name, tensor in read_tensors(os.path.join(folder, name)):
            if tensor_name in tensors:
                refuse('tensor %s is in %s and in %s; exclude one of the files from the download' % (
                    tensor_name, os.path.basename(tensors[tensor_name].path), name))
            if index is not None and index.get(tensor_name) != name:
                refuse('tensor %s is in %s, which model.safetensors.index.json does not say; '
                       'the files are of different revisions' % (tensor_name, name))
            tensors[tensor_name] = tensor
    if index is not None and set(index) - set(tensors):
        refuse('tensors of model.safetensors.index.json are missing: %s' % some(set(index) - set(tensors)))
    return tensors


def read_tensors(path):
    """(name, Tensor) for all in one file. A file that contradicts itself is damaged, which is final."""
    name = os.path.basename(path)

    def damaged(why):
        raise Failure(program.CHECKSUM, '%s is damaged: %s; delete the input and download it again' % (name, why))

    with open(path, 'rb') as f:
        size = os.fstat(f.fileno()).st_size
        start = f.read(8)
        length = int.from_bytes(start, 'little')
        if len(start) < 8 or length > min(size - 8, MAX_SAFETENSORS_HEADER):
            damaged('its header is cut')
        try:
            header = json.loads(f.read(length))
        except ValueError:
            damaged('its header is not JSON')
    for tensor_name, entry in header.items():
        if tensor_name == '__metadata__':
            continue
        try:
            dtype, shape, (begin, end) = entry['dtype'], tuple(entry['shape']), entry['data_offsets']
        except (KeyError, TypeError, ValueError):
            damaged('the entry of %s is not that of a tensor' % tensor_name)
        if dtype not in DTYPES:
            refuse('tensor %s is %s; only BF16, F16 and F32 are converted: take the repository with the '
                   'unquantized weights' % (tensor_name, dtype))
        weights = 1
        for extent in shape:
            weights *= extent
        if end - begin != weights * int(DTYPES[dtype][2]) or not 0 <= begin <= end <= size - 8 - length:
            damaged('%s does not fit in it' % tensor_name)
        yield tensor_name, Tensor(path, dtype, shape, 8 + length + begin)


def match(model, tensors):
    """(Item, Tensor) in the order of the .m file; refuses what is missing, stray or of another shape."""
    items = list(plan(model))
    if 'lm_head.weight' not in tensors:
        if model.tied is False:
            refuse('lm_head.weight is missing, and config.json says that it is not tied to the embeddings')
        items[-1] = items[-1]._replace(name='model.embed_tokens.weight')
    missing = {item.name for item in items} - set(tensors)
    stray = {name for name in set(tensors) - {item.name for item in items} if not IGNORED_TENSOR.search(name)}
    if any(name.endswith('.bias') for name in stray):
        refuse('the model has biases (%s); distributed-llama has none' %
               some(name for name in stray if name.endswith('.bias')))
    if any(name.endswith(('.experts.gate_up_proj', '.experts.down_proj')) for name in stray):
        refuse('the experts are saved as one tensor (%s); save the model with save_original_format=True' %
               some(stray))
    if missing:
        refuse('%d tensors are missing: %s; download the whole repository' % (len(missing), some(missing)))
    if stray:
        refuse('%d tensors that this architecture does not have: %s; the weights do not belong to config.json, '
               'or hold more than distributed-llama can run' % (len(stray), some(stray)))
    for item in items:
        if tensors[item.name].shape != item.shape:
            refuse('tensor %s has the shape %s; by config.json it is %s' % (
                item.name, list(tensors[item.name].shape), list(item.shape)))
    return [(item, tensors[item.name]) for item in items]


class Maps:
    """The weight files, mapped into memory on first use."""

    def __init__(self):
        self._maps = {}
        self._lock = threading.Lock()

    def of(self, path):
        with self._lock:
            if path not in self._maps:
                with open(path, 'rb') as f:
                    self._maps[path] = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
            return self._maps[path]

    def rows(self, tensor):
        """The tensor as a matrix; a vector is one row."""
        shape = tensor.shape if len(tensor.shape) == 2 else (1, tensor.shape[0])
        weights = shape[0] * shape[1]
        return np.frombuffer(self.of(tensor.path), DTYPES[tensor.dtype], weights, tensor.offset).reshape(shape)

    def release(self, tensor, first_row, last_row):
        """Takes rows that were read off the process's resident memory; they stay in the page cache."""
        row_bytes = tensor.shape[-1] * int(DTYPES[tensor.dtype][2])
        begin = tensor.offset + first_row * row_bytes
        begin -= begin % mmap.PAGESIZE
        end = tensor.offset + last_row * row_bytes
        self.of(tensor.path).madvise(mmap.MADV_DONTNEED, begin, end - begin)


# ---------------------------------------------------------------------------------------------------------
# The arithmetic


def pair_rows(first, last, head_dim):
    """Where rows `first` to `last` of a llama query or key matrix come from.

    Hugging Face keeps the two halves of a rotary pair half a head apart, distributed-llama side by side.
    """
    row = np.arange(first, last)
    head, within = np.divmod(row, head_dim)
    return head * head_dim + within % 2 * (head_dim // 2) + within // 2


def to_float32(dtype, source, values):
    """Fills `values` from weights as they are stored in safetensors."""
    if dtype == 'BF16':  # the upper half of a float32
        np.left_shift(source, 16, out=values.view(np.uint32).reshape(source.shape), dtype=np.uint32)
    else:
        values.reshape(source.shape)[...] = source


class Encoder:
    """Weights to the bytes of a .m file. Each thread has one, with the scratch memory of its steps."""

    def __init__(self):
        self._size = 0

    def _reserve(self, size):
        if size > self._size:
            self._size = size
            self._values = np.empty(size, np.float32)
            self._levels = np.empty(size, np.uint8)

    def encode(self, weight_type, dtype, source, out):
        """Fills `out` (bytes) from `source` (a matrix); False where a weight is not finite or too large."""
        if weight_type == F32:
            values = out.view('<f4')
            to_float32(dtype, source, values)
            return bool(np.isfinite(values).all())
        self._reserve(source.size)
        values = self._values[:source.size]
        to_float32(dtype, source, values)
        return self._q40(values.reshape(-1, BLOCK_WEIGHTS), out.reshape(-1, BLOCK_BYTES))

    def _q40(self, blocks, out):
        """The operations and their order are those of upstream's writer.py: any other would round otherwise."""
        high, low = blocks.max(axis=1), blocks.min(axis=1)
        scales = np.where(-low > high, low, high)
        scales /= np.float32(-8)
        with np.errstate(all='ignore'):  # a scale of 0, one too small to invert, one too large for float16
            inverse = np.where(scales != 0, np.float32(1) / scales, np.float32(0))
            stored = scales.astype('<f2')
            blocks *= inverse[:, np.newaxis]
        blocks += np.float32(8.5)
        # Not a number (0 x infinity, where the scale is too small to invert) becomes 0, as upstream's cast has it.
        np.fmax(blocks, np.float32(0), out=blocks)
        np.minimum(blocks, np.float32(15), out=blocks)
        levels = self._levels[:blocks.size].reshape(blocks.shape)
        np.copyto(levels, blocks, casting='unsafe')
        # Eight levels at a time: the first half of a block in the low nibbles, the second in the high ones.
        words = levels.view(np.uint64)
        upper = words[:, 2:]
        upper <<= np.uint64(4)
        upper |= words[:, :2]
        out[:, :2] = stored.view(np.uint8).reshape(-1, 2)
        out[:, 2:] = levels[:, 16:]
        return bool(np.isfinite(stored).all())


Task = collections.namedtuple('Task', 'item tensor first last')


def tasks_of(pairs):
    for item, tensor in pairs:
        columns = item.shape[-1]
        rows = item.shape[0] if len(item.shape) == 2 else 1
        step = max(1, TASK_WEIGHTS // columns)
        for first in range(0, rows, step):
            yield Task(item, tensor, first, min(first + step, rows))


class Converter:
    """Runs tasks on threads. numpy lets go of the interpreter while it computes, so they use all cores."""

    def __init__(self, model):
        self._model = model
        self._maps = Maps()
        self._own = threading.local()

    def run(self, task):
        """The bytes of one task."""
        if not hasattr(self._own, 'encoder'):
            self._own.encoder = Encoder()
        item, tensor, first_row, last_row = task
        rows = self._maps.rows(tensor)
        columns = rows.shape[1]
        row_bytes = stored_bytes(item.type, columns)
        out = np.empty((last_row - first_row) * row_bytes, np.uint8)
        step = max(1, STEP_WEIGHTS // columns)
        for first in range(first_row, last_row, step):
            last = min(first + step, last_row)
            source = rows[pair_rows(first, last, self._model.head_dim)] if item.paired else rows[first:last]
            target = out[(first - first_row) * row_bytes:(last - first_row) * row_bytes]
            if not self._own.encoder.encode(item.type, tensor.dtype, source, target):
                raise Failure(program.CHECKSUM, 'tensor %s holds weights that are not finite or do not fit in %s '
                              '(rows %d to %d): the checkpoint is broken' % (item.name, item.type, first, last))
        self._maps.release(tensor, first_row, last_row)
        return out


def in_order(pool, function, tasks, ahead):
    """Results in the order of the tasks, at most `ahead` of them in memory."""
    pending = collections.deque()
    for task in tasks:
        pending.append((task, pool.submit(function, task)))
        if len(pending) > ahead:
            task, future = pending.popleft()
            yield task, future.result()
    while pending:
        task, future = pending.popleft()
        yield task, future.result()


# ---------------------------------------------------------------------------------------------------------
# The tokenizer


# Their vocabulary is read from tokenizer.json, whose content decides whether it can be converted. Upstream
# knows the first three; the others are what newer transformers call the same.
TOKENIZER_CLASSES = ('PreTrainedTokenizerFast', 'LlamaTokenizerFast', 'Qwen2Tokenizer', 'Qwen2TokenizerFast',
                     'TokenizersBackend', 'LlamaTokenizer')

SENTENCEPIECE = ('distributed-llama cuts text into single characters with a SentencePiece tokenizer; '
                 'only byte-level BPE (tokenizer.json) works')

# dllama-api recognizes the style of a chat template by these, and ends at start when it finds none and is
# told none.
TEMPLATE_STYLES = {'llama2': '[INST]', 'llama3': '<|start_header_id|>', 'deepSeek3': '<｜Assistant｜>',
                   'chatml': '<|im_start|>'}


def tokenizer_bytes(folder, model):
    """The whole .t file."""
    config = read_json(folder, 'tokenizer_config.json')
    tokenizer = read_tokenizer(folder, config)
    tokens, regular = read_tokens(tokenizer)
    if len(tokens) > model.vocab:
        refuse('the tokenizer has %d tokens, the model %d: they do not belong together' % (len(tokens), model.vocab))
    bos, eos = read_special(folder, config, tokens)
    if regular >= bos:
        refuse('bos_token_id is %d, but ordinary tokens go up to %d: distributed-llama takes every token from '
               'bos_token_id on for a special one, and would cut text into single characters' % (bos, regular))
    encoded = [token_bytes(token) for token in tokens]
    if b'' in encoded:
        refuse('token %d of tokenizer.json is empty' % encoded.index(b''))
    template = read_chat_template(folder, config).encode('utf-8')
    params = struct.pack('<14i', 3, bos, 0, 1, 1, len(encoded), 2, max(len(token) for token in encoded),
                         7, len(template), 9, len(eos), 10, 1 if adds_bos(config, tokenizer, tokens[bos]) else 0)
    return b''.join((
        struct.pack('<ii', TOKENIZER_MAGIC, 8 + len(params)), params, template,
        struct.pack('<%di' % len(eos), *eos),
        *(struct.pack('<fI', -float(i), len(token)) + token for i, token in enumerate(encoded))))


def read_tokenizer(folder, config):
    """tokenizer.json, when it is one that distributed-llama can use."""
    name = config.get('tokenizer_class')
    if name not in TOKENIZER_CLASSES:
        refuse('tokenizer_config.json: tokenizer_class is %r; only %s are converted' % (
            name, ', '.join(TOKENIZER_CLASSES)))
    if not os.path.exists(os.path.join(folder, 'tokenizer.json')):
        refuse('tokenizer.json is missing%s' % (
            ': ' + SENTENCEPIECE if os.path.exists(os.path.join(folder, 'tokenizer.model'))
            else ' in the input: add it to what the download includes'))
    tokenizer = read_json(folder, 'tokenizer.json')
    parts = set(part_types(tokenizer.get('pre_tokenizer'))) | set(part_types(tokenizer.get('decoder')))
    if tokenizer.get('model', {}).get('type') != 'BPE' or 'ByteLevel' not in parts:
        refuse('tokenizer.json (%s) is not byte-level BPE: %s' % (name, SENTENCEPIECE))
    return tokenizer


def part_types(part):
    """The types of a tokenizer's part and of all parts within."""
    if isinstance(part, dict):
        if isinstance(part.get('type'), str):
            yield part['type']
        for value in part.values():
            yield from part_types(value)
    elif isinstance(part, list):
        for value in part:
            yield from part_types(value)


def read_tokens(tokenizer):
    """All tokens in the order of their ids, and the highest id of an ordinary (not an added) one."""
    vocab = tokenizer['model']['vocab']
    ids = dict(vocab)
    highest = -1
    for entry in tokenizer.get('added_tokens') or []:
        # The tokenizers library gives an added token the next free id, whatever the file says.
        content = entry['content']
        if content not in ids:
            ids[content] = len(vocab) if highest < len(vocab) else highest + 1
        if ids[content] != entry['id']:
            refuse('tokenizer.json: added token %r has the id %d, but would be loaded as %d; save the tokenizer '
                   'again with transformers' % (content, entry['id'], ids[content]))
        highest = max(highest, ids[content])
    tokens = [None] * len(ids)
    for content, number in ids.items():
        if not 0 <= number < len(tokens) or tokens[number] is not None:
            refuse('tokenizer.json: the ids of its %d tokens are not 0 to %d, each once (%r is %d)' % (
                len(tokens), len(tokens) - 1, content, number))
        tokens[number] = content
    added = {entry['content'] for entry in tokenizer.get('added_tokens') or []}
    return tokens, max((number for content, number in vocab.items() if content not in added), default=-1)


def byte_alphabet():
    """The characters by which byte-level BPE writes the 256 bytes."""
    printable = [*range(ord('!'), ord('~') + 1), *range(ord('¡'), ord('¬') + 1), *range(ord('®'), ord('ÿ') + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{chr(byte): bytes([byte]) for byte in printable},
            **{chr(256 + i): bytes([byte]) for i, byte in enumerate(others)}}


BYTE_OF = byte_alphabet()


def token_bytes(token):
    return b''.join(BYTE_OF.get(char) or char.encode('utf-8') for char in token)


def read_special(folder, config, tokens):
    """The ids that begin a text and that end one: config.json's, as upstream takes them, or else where
    transformers looks next."""
    sources = [read_json(folder, 'config.json'), read_json(folder, 'generation_config.json', {}),
               {name + '_id': token_id(config.get(name), tokens) for name in ('bos_token', 'eos_token')}]

    def find(name):
        value = next((source[name] for source in sources if source.get(name) is not None), None)
        numbers = value if isinstance(value, list) else [value]
        for number in numbers:
            if not isinstance(number, int) or not 0 <= number < len(tokens):
                refuse('%s is %r, which is none of the %d tokens; set it in config.json' % (name, value, len(tokens)))
        return numbers

    return find('bos_token_id')[0], find('eos_token_id')


def token_id(token, tokens):
    content = token.get('content') if isinstance(token, dict) else token
    return tokens.index(content) if content in tokens else None


def adds_bos(config, tokenizer, bos):
    """Whether a text begins with the bos token."""
    if 'add_bos_token' in config:
        return bool(config['add_bos_token'])
    # transformers 5 (its mark is `backend`) no longer writes add_bos_token; what it meant is in the
    # post-processor. Before, absent meant yes.
    return 'backend' not in config or bos in special_tokens(tokenizer.get('post_processor'))


def special_tokens(part):
    """The special tokens that a post-processor's template puts around a single text."""
    for processor in [part, *((part or {}).get('processors') or [])]:
        for piece in (processor or {}).get('single') or []:
            if 'SpecialToken' in piece:
                yield piece['SpecialToken']['id']


def read_chat_template(folder, config):
    """The chat template, from wherever the versions of transformers keep it."""
    template = config.get('chat_template')
    if isinstance(template, list):  # several, by name
        template = {entry['name']: entry['template'] for entry in template}.get('default')
    if not template:
        with contextlib.suppress(FileNotFoundError), \
                open(os.path.join(folder, 'chat_template.jinja'), encoding='utf-8') as f:
            template = f.read()
    if not template:
        template = read_json(folder, 'chat_template.json', {}).get('chat_template')
    if not template:
        refuse('no chat template (tokenizer_config.json, chat_template.jinja): without one dllama-api ends at '
               'start. Is it the base model? Take the instruct one, or include chat_template.jinja')
    if not any(mark in template for mark in TEMPLATE_STYLES.values()):
        log('note: dllama-api does not know the style of the chat template (%s): set chatTemplate where it is served'
            % ', '.join('%s has %s' % style for style in TEMPLATE_STYLES.items()))
    return template


# ---------------------------------------------------------------------------------------------------------
# Reading whole inputs, publishing whole outputs


def read_input(folder, key):
    """The input's marker. The input is what it was when it was downloaded, or it is refused."""
    marker = read_marker(folder)
    if marker is None:
        raise Failure(program.TRANSIENT, 'the input %s is not complete yet: it has no marker' % folder)
    if marker.get('key') != key:
        refuse('the input %s is the artifact %s, expected is %s' % (folder, marker.get('key'), key))
    for entry in marker.get('files', []):
        path = os.path.join(folder, entry['path'])
        size = os.path.getsize(path) if os.path.exists(path) else None
        if size != entry['size']:
            raise Failure(program.CHECKSUM, 'the input\'s %s has %s bytes, its marker says %d: delete the input and '
                          'download it again' % (entry['path'], 'no' if size is None else size, entry['size']))
    return marker


def published(folder, key):
    """The output's marker when the output is complete, None when it is to be made."""
    marker = read_marker(folder)
    if marker is None:
        return None
    if marker.get('key') != key:
        refuse('the output %s holds another artifact (%s): choose another path or delete it' % (
            folder, marker.get('key')))
    if os.path.exists(os.path.join(folder, STORED)):
        return marker
    for entry in marker['files']:
        path = os.path.join(folder, entry['path'])
        if not os.path.exists(path) or os.path.getsize(path) != entry['size']:
            log('%s is not what the marker says: converting again' % path)
            os.unlink(os.path.join(folder, MARKER))
            sync_directory(folder)
            return None
    return marker


@contextlib.contextmanager
def building(folder):
    """An empty folder within `folder` that is this process's alone. Waits for another copy of the program.

    Where locks do not work, or not between nodes, two copies work side by side, each in a folder of its own, and
    publish the same bytes.
    """
    common = os.path.join(folder, '.building')
    lock_path = os.path.join(common, 'lock')
    lock, alone = wait_for_lock(common, lock_path)
    own = os.path.join(common, secrets.token_hex(4))
    try:
        if alone:
            for name in os.listdir(common):  # of copies that were killed
                if name != 'lock':
                    shutil.rmtree(os.path.join(common, name))
        os.mkdir(own)
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):  # another copy is in it
            os.unlink(lock_path)
            os.rmdir(common)
        os.close(lock)


def wait_for_lock(common, lock_path):
    """The descriptor of the lock, and whether it keeps others out."""
    waiting = False
    while True:
        os.makedirs(common, exist_ok=True)
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # another copy has just ended and removed the folder
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(lock_path)):
                return lock, True
        except FileNotFoundError:
            pass  # another copy has just removed this lock
        except BlockingIOError:
            if not waiting:
                log('another copy of this program is at work; waiting for it')
                waiting = True
            time.sleep(0.2)
        except OSError as error:
            log('note: no locks on %s (%s)' % (common, error.strerror))
            return lock, False
        os.close(lock)


def check_space(folder, needed):
    free = os.statvfs(folder)
    if free.f_blocks and free.f_bavail * free.f_frsize < needed:
        raise Failure(program.FULL, 'the output needs %d MiB, %s has %d MiB free: enlarge the store' % (
            needed >> 20, folder, free.f_bavail * free.f_frsize >> 20))


class Output:
    """A file that is hashed as it is written."""

    def __init__(self, path):
        self.path, self.size = path, 0
        self._file, self._sha256 = open(path, 'wb'), hashlib.sha256()

    def write(self, data):
        self._file.write(data)
        self._sha256.update(data)
        self.size += len(data)

    def close(self, expected):
        """Leaves a file that survives a power cut. Returns its entry in the marker."""
        self._file.flush()
        os.fsync(self._file.fileno())
        size = os.fstat(self._file.fileno()).st_size
        self._file.close()
        if size != expected or self.size != expected:
            raise Failure(program.TRANSIENT, '%s has %d bytes, by the formula it has %d: the disk is not to be '
                          'trusted' % (self.path, size, expected))
        return {'path': os.path.basename(self.path), 'size': size, 'sha256': self._sha256.hexdigest()}


def write_model(path, model, pairs, threads):
    """The .m file; returns its entry in the marker."""
    total = sum(stored_bytes(item.type, weights_in(item)) for item, _ in pairs)
    expected = model_bytes(model)
    if len(model_header(model)) + total != expected:
        raise AssertionError('the plan has %d bytes, the formula %d' % (total, expected))
    weights = sum(weights_in(item) for item, _ in pairs)
    started = reported = time.monotonic()
    done = 0
    output = Output(path)
    output.write(model_header(model))
    converter = Converter(model)
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        for task, data in in_order(pool, converter.run, tasks_of(pairs), threads + 2):
            output.write(data)
            done += (task.last - task.first) * task.item.shape[-1]
            now = time.monotonic()
            if now - reported >= PROGRESS_SECONDS:
                reported = now
                rate = done / (now - started)
                log('%d%% of %d million parameters, %d million/s, %d s left' % (
                    done * 100 // weights, weights // 10**6, rate / 1e6, (weights - done) / rate))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return output.close(expected)


def weights_in(item):
    return item.shape[0] * (item.shape[1] if len(item.shape) == 2 else 1)


def publish(folder, built, files, marker):
    """Moves the files into place, then says so in the marker: consumers see all or nothing."""
    for entry in files:
        os.rename(os.path.join(built, entry['path']), os.path.join(folder, entry['path']))
    sync_directory(folder)
    write_marker(folder, marker)


# What is to be converted, checked: the model, its (Item, Tensor) in the order of the .m file, the bytes of the .t
# file, and the names of both.
Work = collections.namedtuple('Work', 'model pairs tokenizer model_name tokenizer_name')


def convert(args, converter, write_files, refuse_more=lambda args, work: None):
    """Checks the input, has both files written and publishes them. Returns the result that the program leaves.

    `converter` names what writes the files in the marker. `write_files(args, work, built)` writes them into the
    folder `built` and returns their entries in the marker. `refuse_more(args, work)` refuses what this converter
    alone cannot do.
    """
    started = time.monotonic()
    if args.weights not in WEIGHT_TYPE:
        refuse('--weights %s: distributed-llama runs q40 and f32 only' % args.weights)
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]*', args.name):
        refuse('--name %r: letters, digits, dots, dashes and underscores make a file\'s name' % args.name)
    if args.threads < 1:
        refuse('--threads %d: at least 1' % args.threads)
    model_name = 'dllama_model_%s_%s.m' % (args.name, args.weights)
    tokenizer_name = 'dllama_tokenizer_%s.t' % args.name

    marker = published(args.output, args.key)
    if marker is None:
        parent = read_input(args.input, args.input_key)
        model = read_model(args.input, args.weights)
        pairs = match(model, find_tensors(args.input))
        work = Work(model, pairs, tokenizer_bytes(args.input, model), model_name, tokenizer_name)
        refuse_more(args, work)
        with building(args.output) as built:
            marker = published(args.output, args.key)  # by the copy that we waited for
            if marker is None:
                check_space(args.output, model_bytes(model) + len(work.tokenizer))
                log('converting %d tensors of %s to %s on %d threads' % (
                    len(pairs), args.input, model_name, args.threads))
                files = write_files(args, work, built)
                marker = marker_of(args, converter, files, parent)
                publish(args.output, built, files, marker)
                log('converted %d tensors to %s in %.1f s on %d threads, %d MiB of memory' % (
                    len(pairs), model_name, time.monotonic() - started, args.threads, peak_memory() >> 10))
    log('complete: %s, %d files, %d bytes' % (args.output, len(marker['files']), marker['bytes']))
    return {'files': len(marker['files']), 'bytes': marker['bytes'], 'key': args.key,
            'seconds': round(time.monotonic() - started, 1), 'model': model_name, 'tokenizer': tokenizer_name}


def write_files(args, work, built):
    """Writes both files with this program's own converter."""
    entry = write_model(os.path.join(built, work.model_name), work.model, work.pairs, args.threads)
    output = Output(os.path.join(built, work.tokenizer_name))
    output.write(work.tokenizer)
    return [entry, output.close(len(work.tokenizer))]


def marker_of(args, converter, files, parent):
    return {
        'format': 1,
        'key': args.key,
        'source': {'type': 'dllama-conversion', 'converter': converter, 'weights': args.weights, 'name': args.name,
                   'from': parent.get('source')},
        'licence': parent.get('licence'),
        'parents': [args.input_key],
        'bytes': sum(entry['size'] for entry in files),
        'files': files,
    }


def peak_memory():
    """KiB, of this process or of the largest that it started."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        refuse('%s (%s)' % (message, self.format_usage().strip()))


def command_line(description):
    """The command line that all converters share."""
    parser = Parser(description=description)
    parser.add_argument('--input', required=True, help='folder of the complete Hugging Face artifact')
    parser.add_argument('--input-key', required=True, help='the key that its marker must have')
    parser.add_argument('--output', required=True, help='folder that the two files and the marker go to')
    parser.add_argument('--key', required=True, help='the key that the output\'s marker gets')
    parser.add_argument('--weights', required=True, help='q40 or f32')
    parser.add_argument('--name', required=True, help='part of both files\' names')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)), help='default: all cores')
    return parser


def main():
    args = command_line(__doc__.splitlines()[0]).parse_args()
    if np is None:
        refuse('numpy is missing in this image: let the Job install it (requirements-numpy.txt), or name an image '
               'that has it')
    return convert(args, CONVERTER, write_files)


if __name__ == '__main__':
    program.run(main)
