#!/usr/bin/env python3
"""Runs a trainer, unless the artifact is complete or trained already; goes on at the last whole checkpoint.

In the trainer's own image: Python 3.8 or newer. The trainer fills OUTPUT_DIR, a folder within the artifact's own. What
it leaves there is kept until the artifact is complete; tuned.py, in our image, verifies the result and publishes it.

  tune.py --key KEY --dir FOLDER [--checkpoints GLOB [--whole FILE] [--state FILE]] [--resume WORD]... -- COMMAND...

A checkpoint is a folder below OUTPUT_DIR. It is whole if it holds --whole, and is no newer than --state, which trainers
write after the checkpoint. What is not whole, because its trainer was killed, is removed. Where there is a whole one,
the words of --resume are added to the command: `{}` stands for its path, `{files}` for the paths of its weights.

Of the pods of one Job (JOB_COMPLETION_INDEX), the first alone removes anything and holds the lock.

Can be killed at any instant and run again; a second copy waits for the first. Exit codes as in program.py:
  0 trained; 64 the command is refused or not there, 73 no disk or memory left are final; 75 may be retried.
"""
import fnmatch
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import zipfile

from folder import Directory
from marker import sync_directory
from program import FULL, Failure, Parser, TRANSIENT, USAGE, log, run
from tool import limit_reached
from transfer import complete
from wrapper import parse_with_command

# Where the trainer writes, below what is staged.
WORK = 'work'
# Beside it, when the trainer has ended well: only what tuned.py does is left.
TRAINED = 'trained'

# Beside them, other text each time that the first node starts its trainer: it needs the other nodes for that.
STARTED = 'started'

# What trainers say last when there is no room; a retry makes none.
GPU_FULL = re.compile(rb'OutOfMemoryError|(CUDA|HIP|XPU) out of memory|CUDA error: out of memory')
DISK_FULL = re.compile(rb'No space left on device|Disk quota exceeded')
LONGEST_LINE = 1 << 16


class Training(Directory):
    """The artifact's folder, and the one that the trainer fills."""

    def __init__(self, options):
        super().__init__(options.dir)
        self.options = options
        self.work = os.path.join(self.staging, WORK)
        self.first = os.environ.get('JOB_COMPLETION_INDEX', '0') == '0'

    def train(self):
        marker = complete(self, self.options.key)
        if not marker and self.first and self.prepare():
            marker = complete(self, self.options.key)  # another copy was at work, and may have completed it
        if marker:
            log('%s is complete already; nothing is trained' % self)
        elif os.path.exists(self.note):
            log('%s was trained by a former run, and is not published yet' % self)
        else:
            if self.first:
                self.retract()  # a marker of damaged files must not be believed
            self.run_trainer()
            if self.first:
                self.say_trained()
            log('trained')
        return {'key': self.options.key, 'complete': bool(marker)}

    @property
    def note(self):
        return os.path.join(self.staging, TRAINED)

    def say_started(self):
        path = os.path.join(self.staging, STARTED)
        temporary = '%s.new' % path
        with open(temporary, 'w', encoding='ascii') as f:
            f.write('%s\n' % os.urandom(8).hex())
        os.rename(temporary, path)

    def say_trained(self):
        """Before anything is published, so that no run trains again what is trained."""
        with open(self.note, 'w', encoding='ascii') as f:
            f.write('%s\n' % self.options.key)
            f.flush()
            os.fsync(f.fileno())
        sync_directory(self.staging)

    def run_trainer(self):
        os.makedirs(self.work, exist_ok=True)
        checkpoint = self.last_checkpoint() if self.options.checkpoints else None
        words = self.options.command
        if checkpoint:
            words = [*meeting_at(words, checkpoint), *resume_words(self.options.resume, checkpoint)]
        log('going on at %s' % os.path.basename(checkpoint) if checkpoint else 'starting from the base model')
        if self.first:
            self.say_started()
        reached_before = limit_reached()
        code, said = run_command(words, environment(self.first))
        if code:
            raise self.failure_of(code, said, limit_reached() > reached_before)

    def last_checkpoint(self):
        """The path of the newest whole checkpoint, or None. Those that are not whole are removed."""
        whole = []
        for name in fnmatch.filter(os.listdir(self.work), self.options.checkpoints):
            path = os.path.join(self.work, name)
            if os.path.islink(path) or not os.path.isdir(path):
                continue
            if self.is_whole(path):
                whole.append(path)
            elif self.first:
                log('%s was not finished; removing it' % path)
                shutil.rmtree(path)
        return max(whole, key=number_in, default=None)

    def is_whole(self, path):
        options = self.options
        if options.whole and not os.path.exists(os.path.join(path, options.whole)):
            return False
        if not options.state:
            return True
        state = os.path.join(self.work, options.state)
        # A file of PyTorch is a zip archive, whose directory is written last.
        return zipfile.is_zipfile(state) and newest_in(path) <= os.stat(state).st_mtime_ns

    def failure_of(self, code, said, out_of_memory):
        """What the end of the trainer means. Its own words stay in the log, as it may repeat what a Secret told it."""
        trainer = 'the trainer %s' % self.options.command[0]
        kept = 'what is in %s is kept, and the next run goes on there' % self.work
        if out_of_memory:
            return Failure(FULL, '%s was ended because the memory of the container is full: raise memory' % trainer)
        room = os.statvfs(self.work)
        if DISK_FULL.search(said) or (room.f_blocks and not room.f_bavail):
            return Failure(FULL, '%s ended because a disk is full: enlarge the store (%s) or scratch, or keep fewer '
                           'checkpoints' % (trainer, self.path))
        if GPU_FULL.search(said):
            return Failure(FULL, '%s ended because the memory of a device is full: make the batch smaller, accumulate '
                           'gradients or recompute activations, or take larger or more devices' % trainer)
        if code < 0:
            return Failure(TRANSIENT, '%s was ended by %s; %s' % (trainer, signal.Signals(-code).name, kept))
        if code == 2:  # of argparse and click
            return Failure(USAGE, '%s does not take its arguments (exit 2); its lines in the log say which' % trainer)
        return Failure(TRANSIENT, '%s ended with %d; its own lines in the log say why; %s' % (trainer, code, kept))


def run_command(words, env):
    """Runs a command; returns its exit code, less than 0 for a signal, and what it said last."""
    try:
        trainer = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
    except (FileNotFoundError, PermissionError) as error:
        raise Failure(USAGE, 'the command %s is not in the image, or cannot be run there: %s'
                      % (words[0], error.strerror))
    stopped = []

    def stop(_signal, _frame):
        stopped.append(True)
        trainer.terminate()  # it may write a checkpoint yet

    signal.signal(signal.SIGTERM, stop)
    output, said = trainer.stdout.fileno(), b''
    try:
        while True:
            if not select.select([output], [], [], 1)[0]:
                if trainer.poll() is None:
                    continue
                break  # what it leaves behind may hold its output open
            block = os.read(output, LONGEST_LINE)
            if not block:
                break
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
            said = (said + block)[-LONGEST_LINE:]
        trainer.wait()
    finally:
        if trainer.poll() is None:
            trainer.kill()
        trainer.wait()
        trainer.stdout.close()
    if stopped and trainer.returncode:
        raise Failure(TRANSIENT, 'stopped by SIGTERM; the checkpoints are kept and the next run goes on there')
    return trainer.returncode, said


def environment(first):
    """What the nodes of a Job tell torchrun: the first has the store by which the others find each other."""
    nodes = int(os.environ.get('NNODES', '1'))
    if nodes == 1:
        return dict(os.environ)
    # Pods are scheduled one after the other, and images are large.
    waits = 'read_timeout=1800,join_timeout=1800'
    return {**os.environ, 'PET_RDZV_CONF': 'is_host=%s,%s' % ('true' if first else 'false', waits)}


def meeting_at(words, checkpoint):
    """Nodes meet only those that go on at the same checkpoint.

    A node that comes back while another has not noticed yet that it was gone joins its group: torchrun then starts the
    processes of the other anew, with the arguments that they had, which may name an older checkpoint or none.
    """
    name = os.path.basename(checkpoint)
    return ['%s-%s' % (word, name) if word.startswith('--rdzv_id=') else word for word in words]


def resume_words(words, checkpoint):
    folder = os.path.basename(checkpoint)
    weights = sorted(fnmatch.filter(os.listdir(checkpoint), 'model*.safetensors'))
    files = ','.join(os.path.join(folder, name) for name in weights)
    return [word.replace('{files}', files).replace('{}', checkpoint) for word in words]


def number_in(path):
    """Of checkpoint-1000: 1000. By the last number of the name; then by the name."""
    numbers = re.findall(r'\d+', os.path.basename(path))
    return int(numbers[-1]) if numbers else -1, path


def newest_in(folder):
    """When a file below a folder was written last."""
    return max([os.stat(os.path.join(at, name)).st_mtime_ns for at, _, names in os.walk(folder) for name in names],
               default=0)


def parse(arguments):
    parser = Parser(prog='tune.py', description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    parser.add_argument('--dir', required=True, help='the folder of the artifact')
    parser.add_argument('--checkpoints', metavar='GLOB', help='the names of the folders of checkpoints')
    parser.add_argument('--whole', metavar='FILE', help='what a checkpoint holds when it is whole')
    parser.add_argument('--state', metavar='FILE', help='what is written after each checkpoint, below OUTPUT_DIR')
    parser.add_argument('--resume', action='append', default=[], metavar='WORD')
    return parse_with_command(parser, arguments, 'the trainer')


def main():
    return Training(parse(sys.argv[1:])).train()


if __name__ == '__main__':
    run(main)
