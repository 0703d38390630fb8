#!/usr/bin/env python3
"""Stands for the tools of llama.cpp's full image, under the name of one of them: reads the same command line and writes
GGUF files of some hundred bytes.

What it was told is added to calls.jsonl beside it. faults.json beside it says by tool what goes wrong:
  {"say": ["last words"], "exit": 1}      ends so, having written half of its file
  {"spoil": "short" | "long" | "magic" | "type" | "empty" | "nothing"}   reports success all the same
  {"signal": "SIGSEGV"}                   is ended so, having written half of its file
  {"wait": true}                          touches NAME.started and goes on when NAME.go is there
"""
import json
import os
import signal
import struct
import sys
import time

FILE_TYPES = {'f32': 0, 'f16': 1, 'bf16': 32, 'auto': 32, 'q8_0': 7, 'Q4_K_M': 15, 'IQ2_M': 29}
TENSORS = 6


def text(value):
    return struct.pack('<Q', len(value)) + value.encode()


def gguf(tensors, metadata):
    """A file of so many tensors of eight f32."""
    head = struct.pack('<4sIQQ', b'GGUF', 3, tensors, len(metadata))
    for key, value in metadata.items():
        head += text(key)
        head += struct.pack('<II', 4, value) if isinstance(value, int) else struct.pack('<I', 8) + text(value)
    for index in range(tensors):
        head += text('tensor.%d' % index) + struct.pack('<IQIQ', 1, 8, 0, index * 32)
    head += bytes(-len(head) % 32)
    return head + b''.join(struct.pack('<8f', *range(index, index + 8)) for index in range(tensors))


def spoiled(content, how, metadata):
    if how == 'short':
        return content[:-1]
    if how == 'long':
        return content + bytes(64)
    if how == 'magic':
        return b'GGML' + content[4:]
    if how == 'type':
        return gguf(TENSORS, {**metadata, 'general.file_type': 2})
    if how == 'empty':
        return gguf(0, metadata)
    return content


def main():
    folder, name = os.path.split(os.path.abspath(sys.argv[0]))
    args = sys.argv[1:]
    note = {'name': name, 'args': args, 'cwd': os.getcwd(), 'pid': os.getpid(), 'env': dict(os.environ)}
    with open(os.path.join(folder, 'calls.jsonl'), 'a', encoding='utf-8') as f:
        f.write(json.dumps(note) + '\n')
    fault = {}
    if os.path.exists(os.path.join(folder, 'faults.json')):
        with open(os.path.join(folder, 'faults.json'), encoding='utf-8') as f:
            fault = json.load(f).get(name, {})
    metadata = {'general.architecture': 'llama'}
    if name == 'llama-gguf-split':
        assert args[:2] == ['--split', '--split-max-size'] and args[2].endswith('M'), args
        source, stem = args[3:]
        parts = 2
        outputs = {'%s-%05d-of-%05d.gguf' % (stem, part + 1, parts): gguf(TENSORS // parts, metadata)
                   for part in range(parts)}
    elif name == 'llama-quantize':
        if args[0] == '--imatrix':
            with open(args[1], 'rb') as f:
                f.read()
            args = args[2:]
        source, path, kind, threads = args
        assert int(threads) > 0
        metadata['general.file_type'] = FILE_TYPES[kind]
        outputs = {path: gguf(TENSORS, metadata)}
    else:
        options = dict(zip(args[:-1:2], args[1:-1:2]))
        source = os.path.join(args[-1], 'adapter_config.json' if '--base' in options else 'config.json')
        metadata['general.file_type'] = FILE_TYPES[options['--outtype']]
        if '--base' in options:
            metadata['general.type'] = 'adapter'
        outputs = {options['--outfile']: gguf(TENSORS, metadata)}
    with open(source, 'rb') as f:
        f.read()
    for line in fault.get('say', ['%s at work' % name]):
        print(line, file=sys.stderr, flush=True)
    for path, content in outputs.items():
        content = spoiled(content, fault.get('spoil'), metadata)
        if fault.get('spoil') == 'nothing':
            continue
        with open(path, 'wb') as f:
            f.write(content[:len(content) // 2])
            f.flush()
            if fault.get('wait'):
                wait(os.path.join(folder, name))
            if 'exit' in fault:
                sys.exit(fault['exit'])
            if 'signal' in fault:
                os.kill(os.getpid(), getattr(signal, fault['signal']))
            f.write(content[len(content) // 2:])


def wait(at):
    open(at + '.started', 'w', encoding='utf-8').close()
    while not os.path.exists(at + '.go'):
        time.sleep(0.02)


if __name__ == '__main__':
    main()
