"""Stands for a trainer: `trainer.py [--adapter] [--epochs] [--resume=CHECKPOINT]`. It learns in three steps, and writes a
checkpoint after each; what it leaves in the end depends on the base model, the dataset and all three steps.

With --epochs it writes as torchtune does: epoch_N, then recipe_state/recipe_state.pt, and no result beside them.

What it was told is added to calls.jsonl in the folder CONTROL. faults.json there says what goes wrong:
  {"say": "last words", "exit": 1, "at": 2}    ends so in the step, having written half of its checkpoint
  {"kill": true, "at": 2}                      is killed there
  {"wait": true, "at": 2}                      touches `started` there, and goes on when `go` is there
  {"spoil": "cut" | "nothing" | "empty" | "other" | "index" | "pickle" | "link"}   ends well all the same
"""
import hashlib
import json
import os
import signal
import struct
import sys
import time
import zipfile

STEPS = 3
OUTPUT, CONTROL = os.environ['OUTPUT_DIR'], os.environ['CONTROL']


def read(*path):
    with open(os.path.join(*path), 'rb') as f:
        return f.read()


def write(content, *path):
    os.makedirs(os.path.join(*path[:-1]), exist_ok=True)
    with open(os.path.join(*path), 'wb') as f:
        f.write(content)


def tensors(name, content):
    """A safetensors file of one tensor."""
    header = json.dumps({name: {'dtype': 'U8', 'shape': [len(content)], 'data_offsets': [0, len(content)]}}).encode()
    return struct.pack('<Q', len(header)) + header + content


def learn(before, step):
    return hashlib.sha256(before + b'%d' % step).digest()


def meet(fault, folder, content):
    """What goes wrong in a step, when half of its checkpoint is written."""
    write(content[:len(content) // 2], folder, 'model.safetensors')
    if fault.get('wait'):
        write(b'', CONTROL, 'started')
        while not os.path.exists(os.path.join(CONTROL, 'go')):
            time.sleep(0.02)
    if fault.get('kill'):
        os.kill(os.getpid(), signal.SIGKILL)
    if 'exit' in fault:
        print(fault.get('say', ''), flush=True)
        sys.exit(fault['exit'])


def main():
    options = dict(word.lstrip('-').split('=', 1) for word in sys.argv[1:] if '=' in word)
    epochs = '--epochs' in sys.argv
    faults = os.path.join(CONTROL, 'faults.json')
    fault = json.loads(read(faults)) if os.path.exists(faults) else {}
    resumed = options.get('resume')
    with open(os.path.join(CONTROL, 'calls.jsonl'), 'a', encoding='utf-8') as f:
        f.write(json.dumps({'args': sys.argv[1:], 'env': dict(os.environ), 'pid': os.getpid(),
                            'found': sorted(os.listdir(OUTPUT))}) + '\n')
    print('\rtraining', flush=True)
    learned, done = read(os.environ['MODEL_DIR'], 'model.safetensors') + read(os.environ['DATASET_TRAIN_DIR'], 'data'), 0
    if resumed:
        learned, done = read(resumed, 'model.safetensors')[-32:], int(resumed.rsplit('-' if not epochs else '_')[-1])
    for step in range(done + 1, STEPS + 1):
        learned = learn(learned, step)
        folder = os.path.join(OUTPUT, 'epoch_%d' % step if epochs else 'checkpoint-%d' % step)
        if step == fault.get('at'):
            meet(fault, folder, tensors('weight', learned))
        write(tensors('weight', learned), folder, 'model.safetensors')
        if epochs:
            os.makedirs(os.path.join(OUTPUT, 'recipe_state'), exist_ok=True)
            with zipfile.ZipFile(os.path.join(OUTPUT, 'recipe_state', 'recipe_state.pt'), 'w') as state:
                state.writestr('epoch', str(step))
        else:
            write(b'{"global_step": %d}' % step, folder, 'trainer_state.json')
    leave(os.path.join(OUTPUT, 'epoch_%d' % STEPS) if epochs else OUTPUT, learned, fault.get('spoil'))


def leave(folder, learned, spoil):
    if spoil == 'nothing':
        return
    if '--adapter' in sys.argv:
        weights = tensors('model.layers.0.q_proj.lora_A.weight', learned)
        write(b'{"peft_type": "%s"}' % (b'IA3' if spoil == 'other' else b'LORA'), folder, 'adapter_config.json')
        write(weights[:-1] if spoil == 'cut' else weights, folder, 'adapter_model.safetensors')
        return
    write(b'{"model_type": "%s"}' % (b'gpt2' if spoil == 'other' else b'qwen3'), folder, 'config.json')
    content = b'{}' if spoil == 'empty' else tensors('weight', learned)
    if spoil == 'empty':
        content = struct.pack('<Q', 2) + content
    name = 'pytorch_model.bin' if spoil == 'pickle' else 'model.safetensors'
    if spoil == 'link':
        os.symlink('/etc/passwd', os.path.join(folder, name))
    else:
        write(content[:-5] if spoil == 'cut' else content, folder, name)
    if spoil == 'pickle' and os.path.exists(os.path.join(folder, 'model.safetensors')):
        os.unlink(os.path.join(folder, 'model.safetensors'))
    if spoil == 'index':
        index = {'weight_map': {'weight': 'model.safetensors', 'head': 'model-00002-of-00002.safetensors'}}
        write(json.dumps(index).encode(), folder, 'model.safetensors.index.json')
    write(b'pickled', folder, 'training_args.bin')
    write(b'{}', folder, 'all_results.json')
    write(b'events', folder, 'runs', 'events')


if __name__ == '__main__':
    main()
