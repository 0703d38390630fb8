#!/usr/bin/env python3
"""Keeps models and Git repositories on the disk of a node, and tells what of a node's cache is there.

Each item is brought by a program of its own, one after the other: who writes to the folder has its one lock. What is
complete is not read again. What fails is told, and tried again later, and keeps nobody from the items behind it.
Nothing is ever removed but what is to be evicted. Runs until it is stopped; can be killed at any instant.

GET /ready: 200 once all is there; /live; /metrics: for Prometheus; /status: the same as JSON.
"""
import fcntl
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from guard import absent_artifact
from marker import read_marker
from program import (FULL, NOT_FOUND, NO_ACCESS, Failure, Parser, TRANSIENT, USAGE, log, os_error_code, positive,
                     readable, run)

# What the cache knows of the folder, beside the artifacts; no artifact has such a name.
OWN = '.node-cache'
PENDING, WAITING, WORKING, READY, FAILED = 'pending', 'waiting', 'working', 'ready', 'failed'
IMAGE = 'image'
# A container that holds an image says so three times as often.
HELD_SECONDS = 90


class Stopped(Exception):
    """SIGTERM."""


class Item:
    """Something that is to be on the node, and how far that is."""

    def __init__(self, about):
        self.about = about
        self.kind, self.name = about['kind'], about['name']
        self.state, self.code, self.error = PENDING, 0, ''
        self.failures = 0  # ever
        self.in_a_row = 0
        self.retry_at = 0
        self.size = 0
        self.changed = time.time()

    def become(self, state, code=0, error=''):
        if state != self.state:
            self.changed = time.time()
        self.state, self.code, self.error = state, code, error

    def described(self):
        described = {'kind': self.kind, 'name': self.name, 'what': self.about['what'], 'state': self.state,
                     'since': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(self.changed)),
                     'failures': self.failures}
        if self.size:
            described['bytes'] = self.size
        if self.error:
            described.update(error=self.error, code=self.code)
        return described


class Cache:
    """The items, and the folder that they are in."""

    def __init__(self, options, items):
        self.options = options
        self.folder = options.folder
        self.items = items
        self.lock = None  # held while something is brought
        self.child = None
        self.used = 0

    def work(self):
        """Never returns."""
        while True:
            self.look_at_images()
            for item in self.items:
                if item.kind != IMAGE:
                    self.keep(item)
            self.tell()
            time.sleep(self.options.every)

    def look_at_images(self):
        for item in self.items:
            if item.kind != IMAGE:
                continue
            try:
                age = time.time() - os.stat(os.path.join(self.options.held, item.name)).st_mtime
            except FileNotFoundError:
                age = None
            if age is not None and age <= HELD_SECONDS:
                if item.state != READY:
                    log('%s %s: the node has it' % (item.kind, item.name))
                item.become(READY)
            elif age is not None:
                item.become(FAILED, TRANSIENT, 'the container that holds it has not run for %d s' % age)
            # Nobody but the kubelet knows why an image is not there: it tells in the status of the container.

    def keep(self, item):
        """Has an item brought, if it is not there and may be tried again."""
        if self.is_there(item):
            if item.state != READY:
                log('%s %s: complete' % (item.kind, item.name))
            item.in_a_row = 0
            item.become(READY)
            return
        if item.state == READY:
            log('%s %s: it is not complete any more' % (item.kind, item.name))
            item.become(PENDING)
        if time.monotonic() < item.retry_at:
            return
        try:
            self.bring(item)
        except Failure as failure:
            self.fail(item, failure.code, str(failure))
        except OSError as error:
            self.fail(item, os_error_code(error), self.advised(error))
        finally:
            self.release()

    def is_there(self, item):
        if 'key' not in item.about:  # an eviction: once in the life of this process
            return item.state == READY
        path = os.path.join(self.folder, item.about['path'])
        try:
            missing = absent_artifact(path, item.about['key'])
        except OSError as error:
            missing = str(error)
        if missing or self.verified(item) < item.about['attempt']:
            return False
        item.size = (read_marker(path) or {}).get('bytes', 0)
        return True

    def verified(self, item):
        """The last attempt for which the item's bytes were read; the first is made when it comes."""
        try:
            with open(self.note(item), encoding='ascii') as note:
                return int(note.read())
        except (FileNotFoundError, ValueError):
            return 1

    def note(self, item):
        return os.path.join(self.folder, OWN, item.about['path'] + '.attempt')

    def bring(self, item):
        self.acquire(item)
        if self.is_there(item):  # another copy has brought it meanwhile
            return
        words, environment = self.command(item)
        log('%s %s: %s' % (item.kind, item.name, item.about['what']))
        item.become(WORKING)
        code, result = self.run(item, words, environment)
        if code:
            raise Failure(code, result.get('error') or 'ended with %d' % code)
        if item.about.get('attempt', 1) > 1:
            with open(self.note(item) + '.new', 'w', encoding='ascii') as note:
                note.write(str(item.about['attempt']))
            os.rename(self.note(item) + '.new', self.note(item))
        item.size = result.get('bytes', 0)
        item.in_a_row = 0
        item.become(READY)

    def command(self, item):
        program, *arguments = item.about['program']
        words = [sys.executable, '-u', os.path.join(os.path.dirname(os.path.abspath(__file__)), program), *arguments]
        if 'key' in item.about:
            path = os.path.join(self.folder, item.about['path'])
            words += ['--key=' + item.about['key'], '--dir=' + path, '--room-bytes=%d' % self.room(item)]
            if item.about['attempt'] > self.verified(item):
                words.append('--verify')
        environment = {name: value for name, value in os.environ.items() if not name.startswith('CACHE_SECRET_')}
        for name, source in item.about.get('secrets', {}).items():
            if source in os.environ:
                environment[name] = os.environ[source]
        return words, environment

    def room(self, item):
        """The bytes that the item may take of the disk. It may always be tried: the program says what it needs."""
        others = sum(size for name, size in self.taken().items() if name != item.about['path'])
        return max(1, self.options.size_bytes - others)

    def taken(self):
        """The bytes on the disk by the folders and files in the cache's folder."""
        return {entry.name: disk_usage(entry.path) for entry in os.scandir(self.folder)}

    def run(self, item, words, environment):
        """Runs a program, with its lines in the log; returns its exit code and the result that it left."""
        left = os.path.join(tempfile.gettempdir(), 'node-cache-result-%d' % os.getpid())
        if os.path.exists(left):
            os.unlink(left)
        # The lock goes with the program: should this process be killed alone, it is held until the program ends.
        self.child = subprocess.Popen(words, env={**environment, 'TERMINATION_LOG': left}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8',
                                      errors='replace', start_new_session=True, pass_fds=[self.lock])
        try:
            for line in self.child.stdout:
                if line.strip():
                    print('[%s] %s' % (item.name, line.rstrip()), flush=True)
            code = self.child.wait()
        finally:
            self.end_child()
        try:
            with open(left, encoding='utf-8') as file:
                result = json.load(file)
        except (FileNotFoundError, ValueError):
            result = {}
        if code < 0:
            return TRANSIENT, {'error': 'was ended by signal %d: has the container too little memory?' % -code}
        return code, result

    def end_child(self):
        """Ends the program and all that it has started."""
        if not self.child:
            return
        try:
            os.killpg(self.child.pid, signal.SIGTERM)
            self.child.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        self.child.stdout.close()
        self.child = None
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:  # what a program left behind is PID 1's to bury
                pass
        except ChildProcessError:
            pass

    def acquire(self, item):
        """Returns once nobody else writes to the folder."""
        os.makedirs(os.path.join(self.folder, OWN), exist_ok=True)
        self.lock = os.open(os.path.join(self.folder, OWN, 'lock'), os.O_RDWR | os.O_CREAT, 0o666)
        told = None
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                item.become(WAITING)
                if told is None or time.monotonic() > told + 60:
                    log('another cache is at work in %s; waiting for it' % self.options.node_folder)
                    told = time.monotonic()
                time.sleep(0.2)

    def release(self):
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def fail(self, item, code, error):
        if code == FULL:
            error = '%s. %s' % (error, self.takers())
        item.failures += 1
        item.in_a_row += 1
        first, most = self.options.retry_seconds, self.options.retry_most_seconds
        wait = min(most, first * 2 ** min(item.in_a_row - 1, 20)) if code == TRANSIENT else most
        item.retry_at = time.monotonic() + wait
        item.become(FAILED, code, error)
        log('%s %s: FAILED (exit %d): %s. Trying again in %d s' % (item.kind, item.name, code, error, wait))

    def takers(self):
        """What takes the room, for whoever has to make some."""
        known = {item.about.get('path') for item in self.items}
        taken = sorted(self.taken().items(), key=lambda each: -each[1])
        shares = ['%s %s%s' % (readable(size), name, '' if name in known else ' (not of this cache)')
                  for name, size in taken[:8] if name != OWN]
        return ('Of the %s that the cache may take of %s, %s are taken%s. Nothing is removed by itself: raise size, or '
                'evict what is not needed any more'
                % (readable(self.options.size_bytes), self.options.node_folder, readable(sum(dict(taken).values())),
                   ': ' + ', '.join(shares) if shares else ''))

    def advised(self, error):
        if os_error_code(error) == NO_ACCESS:
            return ('cannot write to %s as user %d, group %d: %s. On the node: install -d -o %d -g %d %s'
                    % (self.options.node_folder, os.getuid(), os.getgid(), error.strerror, os.getuid(), os.getgid(),
                       self.options.node_folder))
        if os_error_code(error) == FULL:
            return 'the disk of the node is full: %s' % error
        return str(error)

    def tell(self):
        """Measures what is taken, and says once that all is there."""
        if self.folder:
            try:
                self.used = sum(self.taken().values())
            except OSError as error:
                log('cannot measure %s: %s' % (self.options.node_folder, error))
        missing = self.missing()
        if not missing and not self.options.complete:
            log('complete: %d items%s' % (len(self.items), ', %s' % readable(self.used) if self.folder else ''))
        self.options.complete = not missing

    def missing(self):
        return [item for item in self.items if item.state != READY]


def disk_usage(path):
    """The bytes that a file, or all below a folder, takes on the disk."""
    paths = [path]
    if os.path.isdir(path) and not os.path.islink(path):
        paths += [os.path.join(folder, name) for folder, folders, files in os.walk(path) for name in folders + files]
    total = 0
    for each in paths:
        try:
            total += os.lstat(each).st_blocks * 512
        except FileNotFoundError:
            pass  # another cache is at work
    return total


def metrics(cache):
    """In the text format of Prometheus."""
    lines = []

    def metric(name, kind, description, samples):
        lines.extend(['# HELP cdk8s_llm_node_cache_%s %s' % (name, description),
                      '# TYPE cdk8s_llm_node_cache_%s %s' % (name, kind)])
        lines.extend('cdk8s_llm_node_cache_%s%s %d' % (name, labels, value) for labels, value in samples)

    def each(value):
        return [('{kind="%s",name="%s"}' % (item.kind, item.name), value(item)) for item in cache.items]

    metric('item_ready', 'gauge', 'Whether the item is on the node, complete.', each(lambda i: i.state == READY))
    metric('item_bytes', 'gauge', 'The size of the item, once it is known.', each(lambda i: i.size))
    metric('item_failures_total', 'counter', 'How often the item could not be brought.', each(lambda i: i.failures))
    metric('item_exit_code', 'gauge', 'Why the item could not be brought: 0, or 64 usage, 65 checksum, 66 not found, '
           '73 full, 75 transient, 77 no access.', each(lambda i: i.code))
    if cache.folder:
        metric('used_bytes', 'gauge', 'What the folder of the cache takes of the disk.', [('', cache.used)])
        metric('size_bytes', 'gauge', 'What it may take.', [('', cache.options.size_bytes)])
    return '\n'.join(lines) + '\n'


def answer(cache, path):
    """(status, content type, text)"""
    text = 'text/plain; charset=utf-8'
    if path == '/live':
        return 200, text, 'ok\n'
    if path == '/ready':
        missing = cache.missing()
        told = ['%s %s: %s %s' % (item.kind, item.name, item.state, item.error) for item in missing]
        return (503 if missing else 200), text, '\n'.join(told or ['ready']) + '\n'
    if path == '/metrics':
        return 200, 'text/plain; version=0.0.4; charset=utf-8', metrics(cache)
    if path == '/status':
        status = {'items': [item.described() for item in cache.items]}
        if cache.folder:
            status.update(usedBytes=cache.used, sizeBytes=cache.options.size_bytes)
        return 200, 'application/json', json.dumps(status, indent=1) + '\n'
    return 404, text, 'there are /ready, /live, /metrics and /status\n'


def serve(cache, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self):
            status, kind, text = answer(cache, self.path.partition('?')[0])
            body = text.encode()
            self.send_response(status)
            self.send_header('Content-Type', kind)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass  # a probe each ten seconds

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

        def server_bind(self):
            if self.address_family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    server = Server(('', port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    log('listening on port %d' % server.server_port)


def parse(arguments):
    parser = Parser(prog='node_cache.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--items', required=True, help='the file that says what is kept')
    parser.add_argument('--folder', help='where models and repositories are kept')
    parser.add_argument('--node-folder', help='what the node calls it')
    parser.add_argument('--size-bytes', type=positive, help='the most that the folder may take of the disk')
    parser.add_argument('--held', help='where containers say that they hold images')
    parser.add_argument('--port', type=int, default=9464)
    parser.add_argument('--every', type=positive, default=30, help='seconds from one look at all items to the next')
    parser.add_argument('--retry-seconds', type=positive, default=30, help='after what may go well the next time')
    parser.add_argument('--retry-most-seconds', type=positive, default=600, help='after any failure')
    options = parser.parse_args(arguments)
    if options.folder and not (options.node_folder and options.size_bytes):
        raise Failure(USAGE, '--folder needs --node-folder and --size-bytes')
    options.complete = False
    return options


def read_items(options):
    try:
        with open(options.items, encoding='utf-8') as file:
            items = [Item(about) for about in json.load(file)]
    except FileNotFoundError:
        raise Failure(NOT_FOUND, '%s is not there' % options.items)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(USAGE, '%s does not say what is kept: %r' % (options.items, error))
    if any(item.kind != IMAGE for item in items) and not options.folder:
        raise Failure(USAGE, 'models and repositories need --folder')
    return items


def stop(_signal, _frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main():
    options = parse(sys.argv[1:])
    cache = Cache(options, read_items(options))
    serve(cache, options.port)
    signal.signal(signal.SIGTERM, stop)
    try:
        cache.work()
    except Stopped:
        log('stopped; what is stored is kept')
    return {'items': len(cache.items), 'ready': len(cache.items) - len(cache.missing())}


if __name__ == '__main__':
    run(main)
