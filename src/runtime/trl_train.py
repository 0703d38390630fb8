#!/usr/bin/env python3
"""Runs a training script of TRL, `trl_train.py sft --model_name_or_path=...`, so that it can go on at a checkpoint.

The scripts of TRL's command line call `trainer.train()` without the argument --resume_from_checkpoint, which Trainer
does not read by itself (huggingface/transformers#23325): a preempted run would begin anew. In the trainer's own image,
by `python3` or by `torchrun`.
"""
import importlib
import os
import sys


def main():
    # The modules beside this program may have the names of packages of the image.
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != own]
    script = importlib.import_module('trl.scripts.' + sys.argv[1].replace('-', '_'))
    resume_by_argument(importlib.import_module('transformers').Trainer)
    try:
        # As the scripts do it; but an argument that nothing takes, which some of them drop, is an error.
        arguments = script.make_parser().parse_args_and_config(sys.argv[2:])
    except ValueError as error:
        print('TRL does not take its arguments: %s' % error, flush=True)
        sys.exit(2)
    script.main(*arguments)


def resume_by_argument(trainer):
    train = trainer.train

    def resuming(self, resume_from_checkpoint=None, *others, **named):
        return train(self, resume_from_checkpoint or self.args.resume_from_checkpoint, *others, **named)

    trainer.train = resuming


if __name__ == '__main__':
    main()
