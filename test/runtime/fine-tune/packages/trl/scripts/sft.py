"""Stands for trl/scripts/sft.py: its parser, and a main() that calls `trainer.train()` without an argument."""
import argparse
import os
import subprocess
import sys

from transformers import Trainer


class TrlParser(argparse.ArgumentParser):
    def parse_args_and_config(self, args=None, fail_with_unknown_args=True):
        options, unknown = self.parse_known_args(args)
        if unknown:
            raise ValueError('Some specified arguments are not used by the HfArgumentParser: %s' % unknown)
        return (options,)


class SftTrainer(Trainer):
    def train(self, *args, **kwargs):
        return super().train(*args, **kwargs)


def make_parser(subparsers=None, prog=None):
    parser = TrlParser(prog)
    for name in ('model_name_or_path', 'dataset_name', 'output_dir', 'seed', 'save_total_limit', 'report_to',
                 'learning_rate', 'resume_from_checkpoint'):
        parser.add_argument('--' + name)
    return parser


def main(options):
    assert options.output_dir == os.environ['OUTPUT_DIR'] and options.model_name_or_path == os.environ['MODEL_DIR']

    def learn(checkpoint):
        words = [sys.executable, os.path.join(options.dataset_name, 'trainer.py')]
        subprocess.run([*words, '--resume=%s' % checkpoint] if checkpoint else words, check=True)

    options.learn = learn
    SftTrainer(options).train()
