"""Source: a model or dataset at one commit of a Hugging Face Hub."""
import argparse
import re
import urllib.parse

from marker import check_path
from program import CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, USAGE, matching, secret
from transfer import plan
from web import WebSource, overloaded


def add_arguments(parser):
    parser.add_argument('--repo', required=True, type=matching(r'[\w.-]+(/[\w.-]+)?', 'ORG/NAME'))
    parser.add_argument('--revision', required=True, type=matching('[0-9a-f]{40}', 'a full commit id (40 hex digits)'))
    parser.add_argument('--repo-type', choices=['model', 'dataset'], default='model')
    parser.add_argument('--endpoint', required=True, type=matching('https?://[^/]+.*', 'an http(s) address'))
    parser.add_argument('--include', action='append', default=[], metavar='GLOB')
    parser.add_argument('--exclude', action='append', default=[], metavar='GLOB')
    parser.add_argument('--join', action='append', default=[], type=join, metavar='TARGET=PART1,PART2,...')


def source(options):
    joins = dict(options.join)
    if len(joins) != len(options.join):
        raise Failure(USAGE, 'two --join with the same target')
    return Hub(options.endpoint, options.repo_type, options.repo, options.revision, secret('HF_TOKEN'),
               lambda files: plan(files, options.include, options.exclude, joins))


class Hub(WebSource):
    """A model or dataset at one commit of a Hugging Face Hub; `choose` makes outputs of its files."""

    service = 'the Hub'

    def __init__(self, endpoint, kind, repo, revision, token, choose):
        self.endpoint = endpoint.rstrip('/')
        super().__init__(self.endpoint)
        self.kind, self.repo, self.revision, self.token, self.choose = kind, repo, revision, token, choose

    def __str__(self):
        return '%s at %s' % (self.repo, self.revision)

    def look(self, http):
        """(the outputs, what the marker says of their origin)"""
        info, entries = self.listing(http)
        described = {
            'licence': licence(info), 'parents': [],
            'source': {'type': 'huggingface', 'endpoint': self.endpoint, 'repo': self.repo, 'repoType': self.kind,
                       'revision': self.revision},
        }
        return self.choose(files_of(entries)), described

    def api(self, suffix):
        return '%s/api/%ss/%s/%s/%s' % (self.endpoint, self.kind, self.repo, suffix, self.revision)

    def listing(self, http):
        """(what the Hub says of the commit, every entry of its tree)"""
        info, _ = self.get_json(http, self.api('revision'))
        if info.get('sha') != self.revision:
            raise Failure(CHECKSUM, 'asked for commit %s, the Hub answers %s' % (self.revision, info.get('sha')))
        entries, url = [], self.api('tree') + '?recursive=true&expand=false'
        while url:
            page, headers = self.get_json(http, url)
            entries += page
            following = re.search(r'<([^>]+)>\s*;\s*rel="?next"?', headers.get('Link', ''))
            url = urllib.parse.urljoin(url, following.group(1)) if following else None
        return info, entries

    def authorization(self, url):
        return {'Authorization': 'Bearer ' + self.token} if self.token else {}

    def checked(self, response, url):
        commit = response.headers.get('X-Repo-Commit')
        if commit and commit != self.revision:
            raise Failure(CHECKSUM, 'asked for commit %s, the Hub serves %s' % (self.revision, commit))

    def refuse(self, response, url):
        """Raises what a bad answer of the Hub means."""
        overloaded(response)
        code = response.headers.get('X-Error-Code', '')
        told = response.headers.get('X-Error-Message') or response.reason
        response.read(MIB)
        token = 'a token was sent' if self.token else 'no token was set (HF_TOKEN)'
        if code == 'GatedRepo':
            raise Failure(NO_ACCESS, '%s is gated: accept its terms at %s/%s with the account of the token; %s (%s)'
                          % (self.repo, self.endpoint, self.repo, token, told))
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, '%s: not found or no access, HTTP %d; %s (%s)' % (self, response.status, token, told))
        if response.status == 404:
            missing = {'RepoNotFound': 'no such %s repository, or no access' % self.kind,
                       'RevisionNotFound': 'no such commit'}.get(code, 'not found')
            raise Failure(NOT_FOUND, '%s: %s; %s (%s, %s)' % (self, missing, token, told, url.split('?')[0]))
        raise Failure(USAGE, '%s: unexpected HTTP %d (%s, %s)' % (self, response.status, told, url.split('?')[0]))

    def address(self, part):
        kind = '' if self.kind == 'model' else self.kind + 's/'
        return '%s/%s%s/resolve/%s/%s' % (self.endpoint, kind, self.repo, self.revision, urllib.parse.quote(part.name))


def files_of(entries):
    """{name: (size, sha256, blob)} from the Hub's listing."""
    files = {}
    for entry in entries:
        kind, name = entry.get('type'), entry.get('path')
        if kind == 'directory':
            continue
        check_path(name)
        if kind != 'file':
            raise Failure(USAGE, '%r in the repository is a %s, not a file' % (name, kind))
        large = entry.get('lfs') or {}
        files[name] = (large.get('size', entry.get('size')), large.get('oid'), entry.get('oid'))
    return files


def licence(info):
    card = info.get('cardData') or {}
    found = card.get('license_name') if card.get('license') == 'other' else card.get('license')
    return ', '.join(found) if isinstance(found, list) else found or card.get('license')


def join(text):
    target, _, names = text.partition('=')
    if not target or not names or '' in names.split(','):
        raise argparse.ArgumentTypeError('%r is not TARGET=PART1,PART2,...' % text)
    return target, names.split(',')
