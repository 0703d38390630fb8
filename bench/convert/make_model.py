#!/usr/bin/env python3
"""Makes a llama of a given size with random bf16 weights: `make_model.py FOLDER '{"hidden_size": ...}'`.

Prints its number of parameters. The marker's key is `bench`.
"""
import json
import os
import struct
import sys

import numpy as np

BATCH = 1 << 22


def shapes_of(config):
    dim, hidden, vocab = config['hidden_size'], config['intermediate_size'], config['vocab_size']
    kv_dim = dim // config['num_attention_heads'] * config['num_key_value_heads']
    yield 'model.embed_tokens.weight', (vocab, dim)
    for layer in range(config['num_hidden_layers']):
        prefix = 'model.layers.%d.' % layer
        yield prefix + 'self_attn.q_proj.weight', (dim, dim)
        yield prefix + 'self_attn.k_proj.weight', (kv_dim, dim)
        yield prefix + 'self_attn.v_proj.weight', (kv_dim, dim)
        yield prefix + 'self_attn.o_proj.weight', (dim, dim)
        yield prefix + 'mlp.gate_proj.weight', (hidden, dim)
        yield prefix + 'mlp.up_proj.weight', (hidden, dim)
        yield prefix + 'mlp.down_proj.weight', (dim, hidden)
        yield prefix + 'input_layernorm.weight', (dim,)
        yield prefix + 'post_attention_layernorm.weight', (dim,)
    yield 'model.norm.weight', (dim,)


def write_weights(path, shapes):
    header, offset = {}, 0
    for name, shape in shapes:
        size = 2 * int(np.prod(shape))
        header[name] = {'dtype': 'BF16', 'shape': list(shape), 'data_offsets': [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    # The same few million random weights over and over: making more takes longer than converting them.
    batch = (np.random.default_rng(1).standard_normal(BATCH, np.float32) * np.float32(0.02)).view(np.uint32)
    batch = (batch >> np.uint32(16)).astype('<u2').tobytes()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for begin in range(0, offset, len(batch)):
            f.write(batch[:offset - begin])
    return offset // 2


def write_json(folder, name, value):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        json.dump(value, f)


def main(folder, config):
    os.makedirs(folder)
    config = {
        'model_type': 'llama', 'hidden_act': 'silu', 'rms_norm_eps': 1e-05, 'max_position_embeddings': 4096,
        'rope_theta': 500000.0, 'tie_word_embeddings': True, 'bos_token_id': 256, 'eos_token_id': 257, **config,
    }
    parameters = write_weights(os.path.join(folder, 'model.safetensors'), list(shapes_of(config)))
    write_json(folder, 'config.json', config)
    write_json(folder, 'tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'chat_template': '{{ messages }}<|im_start|>'})
    write_json(folder, 'tokenizer.json', {
        'added_tokens': [{'id': 256 + i, 'content': content} for i, content in enumerate(('<s>', '<|im_end|>'))],
        'pre_tokenizer': {'type': 'ByteLevel'}, 'decoder': {'type': 'ByteLevel'},
        'model': {'type': 'BPE', 'vocab': {chr(0x4E00 + i): i for i in range(256)}, 'merges': []}})
    write_json(folder, '.artifact.json', {'format': 1, 'key': 'bench', 'files': []})
    print(parameters)


if __name__ == '__main__':
    main(sys.argv[1], json.loads(sys.argv[2]))
