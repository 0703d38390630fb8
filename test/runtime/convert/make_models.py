#!/usr/bin/env python3
"""Makes the tiny models that the tests convert: `make_models.py FOLDER [CASE]`.

The same bytes on every machine: weights come from an integer hash, not from a random generator. For each
case, five folders: `CASE/t4-one`, `t4-shards`, `t5-one`, `t5-shards` (the layouts of transformers 4 and 5, in
one file or in shuffled shards) and `CASE/upstream`, layout 4 with shards in an order that upstream's
converter can read.
"""
import json
import os
import struct
import sys

import numpy as np

TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}\u00e9"
SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<｜Assistant｜>']

BASE = {
    'architectures': ['Unused'], 'attention_dropout': 0.0, 'hidden_act': 'silu', 'hidden_size': 64,
    'initializer_range': 0.02, 'intermediate_size': 160, 'max_position_embeddings': 2048,
    'num_attention_heads': 4, 'num_hidden_layers': 3, 'num_key_value_heads': 2, 'rms_norm_eps': 1e-06,
    'tie_word_embeddings': False, 'use_cache': True, 'vocab_size': 300, 'bos_token_id': 291, 'eos_token_id': 293,
}

LLAMA3_SCALING = {'factor': 8.0, 'high_freq_factor': 4.0, 'low_freq_factor': 1.0,
                  'original_max_position_embeddings': 1024, 'rope_type': 'llama3'}

# By case: config.json in the layout of transformers 4 (what differs from BASE), the dtype of the weights,
# the tokenizer's class in 4 and in 5, and whether a text begins with the bos token (None: not written).
CASES = {
    'llama': ({'model_type': 'llama', 'attention_bias': False, 'mlp_bias': False, 'rope_theta': 10000.0,
               'rms_norm_eps': 1e-05, 'rope_scaling': None, 'num_attention_heads': 4, 'num_key_value_heads': 4},
              'BF16', 'PreTrainedTokenizerFast', 'TokenizersBackend', None),
    'llama3': ({'model_type': 'llama', 'attention_bias': False, 'mlp_bias': False, 'rope_theta': 500000.0,
                'rms_norm_eps': 1e-05, 'head_dim': 16, 'rope_scaling': LLAMA3_SCALING,
                'eos_token_id': [292, 293], 'tie_word_embeddings': True},
               'BF16', 'PreTrainedTokenizerFast', 'TokenizersBackend', None),
    'mistral': ({'model_type': 'mistral', 'rope_theta': 1000000.0, 'rms_norm_eps': 1e-05, 'head_dim': 32,
                 'sliding_window': None},
                'F16', 'LlamaTokenizerFast', 'TokenizersBackend', True),
    'qwen3': ({'model_type': 'qwen3', 'attention_bias': False, 'rope_theta': 1000000, 'head_dim': 32,
               'rope_scaling': None, 'sliding_window': None, 'use_sliding_window': False, 'max_window_layers': 3,
               'tie_word_embeddings': True},
              'BF16', 'Qwen2Tokenizer', 'Qwen2Tokenizer', False),
    'qwen3_moe': ({'model_type': 'qwen3_moe', 'attention_bias': False, 'rope_theta': 1000000.0, 'head_dim': 32,
                   'num_experts': 4, 'num_experts_per_tok': 2, 'moe_intermediate_size': 32, 'decoder_sparse_step': 1,
                   'mlp_only_layers': [], 'norm_topk_prob': True, 'rope_scaling': None, 'sliding_window': None},
                  'F32', 'Qwen2Tokenizer', 'TokenizersBackend', False),
}


def uniform(seed, count):
    """float32 values in [-1, 1): splitmix64 of the position."""
    with np.errstate(over='ignore'):
        x = (np.arange(count, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


def weights(seed, shape, dtype):
    """A tensor's bytes. The first blocks of 32 hold what is rare: zeros, ties, tiny and large values."""
    count = int(np.prod(shape))
    values = uniform(seed, count) * np.float32(0.05)
    if count >= 32 * 16:
        blocks = values[:32 * 8].reshape(8, 32)
        blocks[0] = 0  # a scale of 0
        blocks[1, 3], blocks[1, 7] = 0.5, -0.5  # a tie: the positive one is taken
        blocks[2, 3], blocks[2, 7] = -0.5, 0.5
        blocks[3] = 0.25  # all at the same end
        blocks[4] *= np.float32(1e-38)  # a scale too small to invert
        blocks[4, ::3] = 0
        blocks[5] *= np.float32(1e-5)  # a scale that is a subnormal float16
        blocks[6] *= np.float32(1e6)
        blocks[7] = np.where(np.arange(32) % 2, 0.125, -0.125)
    if dtype == 'BF16':
        return (values.view(np.uint32) >> np.uint32(16)).astype('<u2').tobytes()
    return values.astype({'F16': '<f2', 'F32': '<f4'}[dtype]).tobytes()


def tensor_shapes(config):
    """All tensors by name, in the order of the model."""
    dim, heads, kv = config['hidden_size'], config['num_attention_heads'], config['num_key_value_heads']
    head_dim = config.get('head_dim') or dim // heads
    qwen = config['model_type'].startswith('qwen3')
    shapes = {'model.embed_tokens.weight': (config['vocab_size'], dim)}
    for layer in range(config['num_hidden_layers']):
        p = 'model.layers.%d.' % layer
        shapes[p + 'self_attn.q_proj.weight'] = (heads * head_dim, dim)
        shapes[p + 'self_attn.k_proj.weight'] = (kv * head_dim, dim)
        shapes[p + 'self_attn.v_proj.weight'] = (kv * head_dim, dim)
        shapes[p + 'self_attn.o_proj.weight'] = (dim, heads * head_dim)
        feeds, hidden = [p + 'mlp.'], config['intermediate_size']
        if config.get('num_experts'):
            shapes[p + 'mlp.gate.weight'] = (config['num_experts'], dim)
            feeds = [p + 'mlp.experts.%d.' % expert for expert in range(config['num_experts'])]
            hidden = config['moe_intermediate_size']
        for feed in feeds:
            shapes[feed + 'gate_proj.weight'] = (hidden, dim)
            shapes[feed + 'up_proj.weight'] = (hidden, dim)
            shapes[feed + 'down_proj.weight'] = (dim, hidden)
        if qwen:
            shapes[p + 'self_attn.q_norm.weight'] = (head_dim,)
            shapes[p + 'self_attn.k_norm.weight'] = (head_dim,)
        shapes[p + 'input_layernorm.weight'] = (dim,)
        shapes[p + 'post_attention_layernorm.weight'] = (dim,)
    shapes['model.norm.weight'] = (dim,)
    if not config['tie_word_embeddings']:
        shapes['lm_head.weight'] = (config['vocab_size'], dim)
    return shapes


def write_safetensors(path, tensors):
    """`tensors`: (name, dtype, shape, bytes). The header is padded to 8 bytes, as the library does."""
    header, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name, dtype, shape, data in tensors:
        header[name] = {'dtype': dtype, 'shape': list(shape), 'data_offsets': [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for _, _, _, data in tensors:
            f.write(data)


def write_shards(folder, tensors, order):
    """Tensors in the shards that `order` assigns them to, and the index."""
    count = max(order) + 1
    index = {}
    for shard in range(count):
        name = 'model-%05d-of-%05d.safetensors' % (shard + 1, count)
        chosen = [tensor for tensor, number in zip(tensors, order) if number == shard]
        write_safetensors(os.path.join(folder, name), chosen)
        index.update({tensor[0]: name for tensor in chosen})
    total = sum(len(tensor[3]) for tensor in tensors)
    write_json(folder, 'model.safetensors.index.json', {'metadata': {'total_size': total}, 'weight_map': index})


def byte_characters():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)]


def tokenizer(bos):
    """A byte-level BPE tokenizer.json: 256 bytes, 35 merges, 4 special tokens and one that is not special."""
    chars = byte_characters()
    vocab = {char: i for i, char in enumerate(chars)}
    merges = []
    for pair in range(35):
        left, right = chars[97 + pair % 26], chars[[32, 101, 195, 10][pair % 4]]
        while left + right in vocab:
            left += 'x'
        if len(left) > 1 and left not in vocab:
            left = chars[97 + pair % 26]
            right = chars[48 + pair % 10]
        merges.append([left, right])
        vocab[left + right] = 256 + pair
    assert len(vocab) == 291
    added = [{'id': 291 + i, 'content': content, 'single_word': False, 'lstrip': False, 'rstrip': False,
              'normalized': False, 'special': i < len(SPECIAL)} for i, content in enumerate([*SPECIAL, '<think>'])]
    byte_level = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': False, 'use_regex': True}
    template = {'type': 'TemplateProcessing',
                'single': [{'SpecialToken': {'id': SPECIAL[0], 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}}],
                'pair': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'Sequence': {'id': 'B', 'type_id': 1}}],
                'special_tokens': {SPECIAL[0]: {'id': SPECIAL[0], 'ids': [291], 'tokens': [SPECIAL[0]]}}}
    return {'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': added, 'normalizer': None,
            'pre_tokenizer': byte_level, 'decoder': byte_level,
            'post_processor': {'type': 'Sequence', 'processors': [byte_level, template]} if bos else byte_level,
            'model': {'type': 'BPE', 'dropout': None, 'unk_token': None, 'continuing_subword_prefix': None,
                      'end_of_word_suffix': None, 'fuse_unk': False, 'byte_fallback': False,
                      'ignore_merges': False, 'vocab': vocab, 'merges': merges}}


def write_json(folder, name, value):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        json.dump(value, f, indent=2, ensure_ascii=False)


def config_of_5(config):
    """The same model as transformers 5 saves it."""
    config = dict(config)
    rope = config.pop('rope_scaling', None) or {'rope_type': 'default'}
    config['rope_parameters'] = {**rope, 'rope_theta': config.pop('rope_theta')}
    if 'num_experts' in config:
        config['num_local_experts'] = config.pop('num_experts')
    return {**config, 'dtype': 'bfloat16', 'transformers_version': '5.18.0'}


def write_layout(folder, case, version):
    """Everything but the weights."""
    changes, _, class_4, class_5, add_bos = CASES[case]
    config = {**BASE, **changes}
    os.makedirs(folder, exist_ok=True)
    tokens = {'bos_token': None, 'eos_token': SPECIAL[2], 'pad_token': SPECIAL[0], 'clean_up_tokenization_spaces': False}
    if version == 4:
        write_json(folder, 'config.json', {**config, 'torch_dtype': 'bfloat16', 'transformers_version': '4.57.6'})
        tokens.update({'tokenizer_class': class_4, 'chat_template': TEMPLATE})
        if add_bos is not None:
            tokens['add_bos_token'] = add_bos
    else:
        write_json(folder, 'config.json', config_of_5(config))
        tokens.update({'tokenizer_class': class_5, 'backend': 'tokenizers'})
        with open(os.path.join(folder, 'chat_template.jinja'), 'w', encoding='utf-8') as f:
            f.write(TEMPLATE)
    write_json(folder, 'tokenizer_config.json', tokens)
    write_json(folder, 'tokenizer.json', tokenizer(add_bos is not False))
    write_json(folder, 'generation_config.json', {'bos_token_id': 291, 'eos_token_id': 293})
    return config


def make(folder, case):
    dtype = CASES[case][1]
    shapes = tensor_shapes({**BASE, **CASES[case][0]})
    tensors = [(name, dtype, shape, weights(seed, shape, dtype)) for seed, (name, shape) in enumerate(shapes.items())]
    shuffled = [tensors[i] for i in np.argsort(uniform(4711, len(tensors)))]
    for version in (4, 5):
        one = os.path.join(folder, case, 't%d-one' % version)
        write_layout(one, case, version)
        write_safetensors(os.path.join(one, 'model.safetensors'), tensors)
        shards = os.path.join(folder, case, 't%d-shards' % version)
        write_layout(shards, case, version)
        write_shards(shards, shuffled, [i % 5 for i in range(len(tensors))])
    upstream = os.path.join(folder, case, 'upstream')
    write_layout(upstream, case, 4)
    # Upstream looks into the file at hand and the next: the tensors must be in the order that it writes them.
    order = [i * 3 // len(tensors) for i in range(len(tensors))]
    write_shards(upstream, tensors, order)


if __name__ == '__main__':
    for name in sys.argv[2:] or CASES:
        make(sys.argv[1], name)
