"""Stands for transformers: a Trainer that does not read --resume_from_checkpoint by itself."""


class Trainer:
    def __init__(self, args):
        self.args = args

    def train(self, resume_from_checkpoint=None):
        self.args.learn(resume_from_checkpoint)
