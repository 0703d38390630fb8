#!/usr/bin/env python3
"""Brings a Git repository at one commit into a folder: `tree`, the commit's files, and `git`, the bare repository.

Ids of Git are hashes of content, so the commit proves every byte; that all of them came is checked before anything is
published. The tree appears by one rename, the marker is written last. Can be killed at any instant and run again; two
copies at once do no harm. Needs git 2.31 or newer beside Python. Exit codes: see program.py.
"""
import base64
import collections
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

from folder import Directory, blocks
from marker import STAGING, sync_directory
from program import (CHECKSUM, FULL, Failure, NOT_FOUND, NO_ACCESS, Parser, TRANSIENT, USAGE, interruptible, log,
                     matching, positive, readable, run, secret)
from transfer import once

TREE, GIT = 'tree', 'git'
REF = 'refs/cdk8s-llm/commit'
LINK, SUBMODULE = '120000', '160000'

# What git says of failures (in English), what they mean, and what to do.
MEANINGS = [
    (r'No space left on device|[Dd]isk quota exceeded', FULL, 'the disk of the node is full'),
    (r'Authentication failed|could not read (Username|Password)|error: 40[13]\b|HTTP 40[13]\b|Permission denied',
     NO_ACCESS, 'is the repository private, and the token (Secret) there, valid and allowed to read it?'),
    (r'[Cc]ertificate', NO_ACCESS, 'the certificate is not trusted: name its authority by caConfigMap'),
    (r'unable to update url base from redirection|error: 30\d\b', USAGE,
     'the server leads elsewhere, where a token is not sent: give the address that it leads to'),
    (r'not our ref|couldn.t find remote ref|[Rr]epository .* not found|error: 404\b', NOT_FOUND,
     'there is no such repository or commit, or who asks may not know of it'),
    (r'transport .* not allowed|unsupported protocol|is not a git repository', USAGE, 'is this the address of Git?'),
]
# Servers of Git's first protocol give what a branch or tag points to, and nothing else by its id.
UNADVERTISED = r'unadvertised object'

Entry = collections.namedtuple('Entry', 'mode size path')


class Git:
    """The bare repository, and git as it is run on it: as no configuration but ours says, and without a shell."""

    def __init__(self, path, url, username, token, stall_seconds):
        self.path, self.url = path, url
        self.running = None
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith('GIT_') or name == 'GIT_SSL_CAINFO'}
        settings = {
            'core.autocrlf': 'false', 'core.fsmonitor': 'false', 'core.fsync': 'all', 'core.hooksPath': '/dev/null',
            'gc.auto': '0', 'maintenance.auto': 'false', 'fetch.unpackLimit': '1',
            'http.lowSpeedLimit': '1', 'http.lowSpeedTime': str(stall_seconds),
            # A token goes to the server that it is for, and to no other that the server names.
            'http.followRedirects': 'false' if token else 'initial',
        }
        if token:
            pair = base64.b64encode(('%s:%s' % (username, token)).encode()).decode()
            server = '%s://%s/' % urllib.parse.urlsplit(url)[:2]
            settings['http.%s.extraHeader' % server] = 'Authorization: Basic ' + pair
        self.environment.update({
            'GIT_DIR': path, 'GIT_CONFIG_NOSYSTEM': '1', 'GIT_CONFIG_GLOBAL': os.devnull, 'GIT_TERMINAL_PROMPT': '0',
            'GIT_ALLOW_PROTOCOL': 'http:https', 'LC_ALL': 'C', 'HOME': '/nonexistent',
            'GIT_CONFIG_COUNT': str(len(settings))})
        for number, (name, value) in enumerate(settings.items()):  # not as arguments, which others can read
            self.environment['GIT_CONFIG_KEY_%d' % number] = name
            self.environment['GIT_CONFIG_VALUE_%d' % number] = value

    def start(self, *words, environment=(), **options):
        try:
            process = subprocess.Popen(['git', *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env={**self.environment, **dict(environment)}, **options)
        except FileNotFoundError:
            raise Failure(USAGE, 'there is no git in this image: give the cache one with git and Python 3.11 or newer')
        self.running = process
        return process

    def end(self):
        """Ends the git that is at work, whose helpers end when nobody listens to them."""
        if self.running:
            self.running.kill()
            self.running.wait()

    def run(self, *words, **options):
        """What git prints; a Failure where it fails."""
        process = self.start(*words, **options)
        output, errors = process.communicate()
        if process.returncode:
            raise failure(words[0], process.returncode, errors)
        return output

    def succeeds(self, *words):
        process = self.start(*words)
        process.communicate()
        return process.returncode == 0

    def prepare(self, commit):
        """An empty repository at least, without what a killed git leaves: nobody else is at work here."""
        hashes = ['--object-format=sha256'] if len(commit) == 64 else []
        self.run('init', '--quiet', '--bare', '--template=', *hashes, self.path)
        for folder, _, names in os.walk(self.path):
            for name in names:
                if name.endswith('.lock') or name.startswith(('tmp_pack_', 'tmp_idx_', 'tmp_obj_', 'tmp_rev_')):
                    os.unlink(os.path.join(folder, name))

    def has(self, commit, deep=False):
        """Whether all that the commit needs is there; deep: and every byte of it what its id says."""
        check = ['--full'] if deep else ['--connectivity-only']
        return (os.path.isdir(self.path) and self.succeeds('cat-file', '-e', commit)
                and self.succeeds('fsck', *check, '--no-dangling', '--no-progress', commit))

    def fetch(self, commit, history, watch):
        depth = [] if history else ['--depth=1']
        try:
            self.receive([*depth, self.url, '+%s:%s' % (commit, REF)], watch)
        except Failure as refusal:
            if not re.search(UNADVERTISED, str(refusal)):
                raise
            log('the server gives no commit by its id: fetching all branches and tags with their history')
            self.receive([self.url, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'], watch)
            if not self.succeeds('cat-file', '-e', commit):
                raise Failure(NOT_FOUND, '%s: no branch or tag leads to commit %s' % (self.url, commit))

    def receive(self, words, watch):
        process = self.start('fetch', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', *words)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                watch()
                try:
                    process.wait(0.5)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            self.end()
            reader.join()
            process.stdout.close()
            process.stderr.close()
        if process.returncode:
            raise failure('fetch', process.returncode, errors[0], '%s: ' % self.url)

    def entries(self, commit):
        """What the commit holds."""
        listed = self.run('ls-tree', '-r', '-l', '-z', '--full-tree', commit)
        entries = []
        for line in listed.split(b'\0')[:-1]:
            about, path = line.split(b'\t', 1)
            mode, _, _, size = about.decode().split()
            try:
                entries.append(Entry(mode, 0 if size == '-' else int(size), path.decode()))
            except UnicodeDecodeError:
                raise Failure(USAGE, 'the name of a file of the commit is not UTF-8: %r' % path)
        return entries

    def check_out(self, commit, folder):
        environment = {'GIT_WORK_TREE': folder, 'GIT_INDEX_FILE': folder + '.index'}
        self.run('read-tree', commit, environment=environment)
        self.run('checkout-index', '--all', '--force', environment=environment, cwd=folder)
        os.unlink(folder + '.index')


class Repository(Directory):
    """The folder of the artifact."""

    def __init__(self, options):
        super().__init__(options.dir)
        self.options = options
        self.git = Git(os.path.join(self.path, GIT), options.url, options.username, secret('GIT_TOKEN'),
                       options.stall_seconds)

    def damage(self, marker, deep):
        deep = deep or self.options.verify
        files = super().damage(marker, deep)
        if files:
            return files
        for link in marker.get('links', []):
            path = os.path.join(self.path, link['path'])
            if not os.path.islink(path) or os.readlink(path) != link['target']:
                return Failure(CHECKSUM, '%s is not the link to %s' % (path, link['target']))
        commit = self.options.commit
        whole = self.git.has(commit, deep=True) if deep else self.git.succeeds('cat-file', '-e', commit)
        return None if whole else Failure(CHECKSUM, '%s does not hold commit %s whole' % (self.git.path, commit))

    def bring(self):
        self.clear()
        fetched = self.mirror()
        entries = self.git.entries(self.options.commit)
        self.check_room(self.measure() + sum(entry.size for entry in entries))
        return *self.check_out(entries), fetched

    def clear(self):
        """Removes what a killed run was about to publish."""
        for name in os.listdir(self.staging):
            path = os.path.join(self.staging, name)
            if name != 'lock':
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        shutil.rmtree(os.path.join(self.path, TREE), ignore_errors=True)

    def mirror(self):
        """Makes sure that the commit is there with all that it needs; returns how many bytes came."""
        git, commit = self.git, self.options.commit
        if git.has(commit, deep=self.options.verify):
            log('%s has commit %s already' % (git.path, commit))
            return 0
        if self.options.verify:
            shutil.rmtree(git.path, ignore_errors=True)
        for attempt in range(2):
            git.prepare(commit)
            before = self.measure()
            log('fetching commit %s of %s' % (commit, git.url))
            git.fetch(commit, self.options.history, self.watch())
            if git.has(commit):
                break
            shutil.rmtree(git.path)  # not what was asked for, or not all of it
            if attempt:
                raise Failure(CHECKSUM, '%s: what came of commit %s is not whole, twice. The server or the way to it '
                              'spoils data' % (git.url, commit))
            log('what came of commit %s is not whole; fetching it again' % commit)
        kind = git.run('cat-file', '-t', commit).decode().strip()
        if kind != 'commit':
            raise Failure(USAGE, '%s: %s is the id of a %s; give that of a commit (git rev-parse %s^{commit})'
                          % (git.url, commit, kind, commit))
        git.run('update-ref', REF, commit)
        return self.measure() - before

    def check_out(self, entries):
        """Makes the tree; returns what the marker says of the files, and of where they are from."""
        new = os.path.join(self.staging, TREE)
        os.mkdir(new)
        self.git.check_out(self.options.commit, new)
        files, links = [], []
        for entry in entries:
            path = os.path.join(new, entry.path)
            if entry.mode == SUBMODULE:
                log('%s is another repository (a submodule), which is not fetched' % entry.path)
                continue
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode) != (entry.mode == LINK):
                raise Failure(CHECKSUM, '%s was not checked out as the commit has it' % entry.path)
            if entry.mode == LINK:
                links.append({'path': '%s/%s' % (TREE, entry.path), 'target': os.readlink(path)})
            else:
                files.append({'path': '%s/%s' % (TREE, entry.path), 'size': status.st_size, 'sha256': stored(path)})
        for folder, _, _ in os.walk(new):
            sync_directory(folder)
        os.rename(new, os.path.join(self.path, TREE))
        return files, {
            'licence': None, 'parents': [], 'links': links,
            'source': {'type': 'git', 'url': self.options.url, 'commit': self.options.commit},
        }

    def measure(self):
        """The bytes that the folder takes on the disk."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def check_room(self, needed):
        room = self.options.room_bytes
        if room is not None and needed > room:
            raise Failure(FULL, '%s takes %s or more, and there is room for %s' % (self.options.url, readable(needed),
                                                                                   readable(room)))

    def watch(self):
        """A function that is called while git is at work: it tells how far that is, and stops what grows too large."""
        told = time.monotonic()

        def look():
            nonlocal told
            taken = self.measure()
            self.check_room(taken)
            if time.monotonic() > told + self.options.progress_seconds:
                told = time.monotonic()
                log('fetching: %s so far' % readable(taken))

        return look


def stored(path):
    """The sha256 of a file, which is on the disk once this returns."""
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def failure(command, code, errors, where=''):
    """What it means that git has failed."""
    lines = [line.strip() for line in errors.decode(errors='replace').splitlines() if line.strip()]
    said = '; '.join(line for line in lines if not line.startswith('hint:'))[-600:] or 'nothing'
    if code in (-signal.SIGXFSZ, -signal.SIGKILL):
        reason = (FULL, 'a file is larger than it may be') if code == -signal.SIGXFSZ else (
            TRANSIENT, 'it was killed: has the container too little memory?')
        return Failure(reason[0], '%sgit %s: %s (%s)' % (where, command, reason[1], said))
    for pattern, meaning, advice in MEANINGS:
        if re.search(pattern, said):
            return Failure(meaning, '%sgit %s: %s. %s' % (where, command, said, advice[0].upper() + advice[1:]))
    return Failure(TRANSIENT, '%sgit %s ended with %d: %s' % (where, command, code, said))


def parse(arguments):
    parser = Parser(prog='git_mirror.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--url', required=True, type=matching(r'https?://[^\s/@]+/\S+', 'an http(s) address'))
    parser.add_argument('--commit', required=True, type=matching('[0-9a-f]{40}([0-9a-f]{24})?', 'a full commit id'))
    parser.add_argument('--key', required=True, help='names the artifact; a marker with another key is not ours')
    parser.add_argument('--dir', required=True, help='the folder of the artifact')
    parser.add_argument('--history', action='store_true', help='all commits that lead to this one, too')
    parser.add_argument('--verify', action='store_true', help='reads every byte of what is complete already')
    parser.add_argument('--username', default='x-access-token', help='beside the token in GIT_TOKEN')
    parser.add_argument('--room-bytes', type=positive, help='the most that the folder may take on the disk')
    parser.add_argument('--stall-seconds', type=positive, default=60)
    parser.add_argument('--progress-seconds', type=positive, default=10)
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    repository = Repository(options)
    try:
        result = interruptible(lambda: once(options.key, repository, repository.bring))
        return {**result, 'source': '%s@%s' % (options.url, options.commit)}
    finally:
        repository.git.end()


if __name__ == '__main__':
    run(main)
