"""A source for tests: files below an address, and the proof of each.

--file='{"name": ..., "size": ..., ...}' has `sha256`, or `algorithm` and `expected`, or `version`, or nothing.
"""
import json

from program import secret
from transfer import Output, Part, Proof, Unproven
from web import WebSource


def add_arguments(parser):
    parser.add_argument('--base')
    parser.add_argument('--file', action='append', type=json.loads)


def source(options):
    return Listed(options)


class Listed(WebSource):
    def __init__(self, options):
        super().__init__(options.base)
        self.options = options

    def __str__(self):
        return self.options.base

    def look(self, http):
        return [Output(file['name'], [part(**file)]) for file in self.options.file], {'source': {'type': 'listed'}}

    def address(self, part):
        return '%s/%s' % (self.options.base, part.name)

    def authorization(self, url):
        return {'Authorization': secret('TOKEN')} if secret('TOKEN') else {}


def part(name, size, sha256=None, algorithm=None, expected=None, version=None):
    return Part(name, size, sha256, proof=Proof(algorithm, expected) if algorithm else Unproven(version))
