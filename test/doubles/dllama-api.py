#!/usr/bin/env python3
"""A double of dllama-api v0.16.4 that dies of whatever ends the real one.

Reads from its sockets exactly as src/dllama-api.cpp does (blocking, one connection at a time, the first segment
decides), parses JSON as strictly as nlohmann::json, and keeps its cache of earlier messages with its faults.
Death is SIGABRT (134 in a shell), where the real one throws past main or reads memory it never wrote.

The last message of a request says what the answer is, in words such as `tokens=20 delay=0.05`:
  tokens=N     so many pieces `t0 t1 ...`, then the end (default 3; max_tokens cuts it)
  think=S      seconds of silence before the first piece (the evaluation of the prompt)
  delay=S      seconds between pieces
  stall=N      fall silent for ever after N pieces
  die=N        abort after N pieces
  lose=N       lose a worker after N pieces: close the connection and the port, be back --reload-seconds later
  wedge=N      from now on every chat ends after its head, N chats long, while the port stays open
  text=WORDS   pieces of this text instead, split at `|`
"""
import argparse
import json
import math
import os
import re
import signal
import socket
import sys
import time


def say(message):
    print(message, flush=True)


def die(reason):
    say('terminate called: %s' % reason)
    os.kill(os.getpid(), signal.SIGABRT)
    time.sleep(10)


class TransferError(Exception):
    """NnTransferSocketException: the accept loop swallows it."""


class ExecutorError(Exception):
    """NnExecutorException: main closes everything and starts over."""


def send(client, data):
    try:
        client.sendall(data)
    except OSError as error:
        raise TransferError(str(error)) from None


def receive(client, size):
    try:
        return client.recv(size)
    except OSError:
        return b''


def read_request(client):
    """HttpRequest::readHttpRequest and ::read, with their bugs."""
    head = b''
    while True:
        data = receive(client, 65535)
        if not data:
            die('Error while reading headers from socket')
        head += data.split(b'\0')[0]  # it appends a C string
        if b'\r\n\r\n' in head:
            extra = head.split(b'\r\n\r\n', 1)[1]
            break
        if b'\n\n' in head:
            extra = head.split(b'\n\n', 1)[1]
            break
    request = head
    for line in head.split(b'\n'):
        if line in (b'\r', b''):
            break
        key, colon, value = line.partition(b':')
        if not colon:
            continue
        if not value:
            die('std::out_of_range')  # substr past ': '
        if key == b'Content-Length':  # in this case alone
            number = re.match(rb'\s*[+-]?\d+', value[1:])
            if not number:
                die('Bad Content-Length header - not a number')
            length = int(number[0])
            if length <= 0:
                break
            if len(extra) > length:
                die('Received more body data than Content-Length header said')
            missing = length - len(extra)
            while missing > 0:
                data = receive(client, missing)
                if not data:
                    die('Error while reading body from socket')
                request += data
                missing -= len(data)
            break
    first, _, rest = request.partition(b'\n')
    words = first.split()
    method = words[0] if words else b''
    path = words[1] if len(words) > 1 else b''
    while True:
        line, newline, rest = rest.partition(b'\n')
        if not newline or line == b'\r':
            break
        if b':' in line and line.endswith(b':'):
            die('std::out_of_range')
    body = rest.split(b'\0')[0]
    return method.decode('latin-1'), path.decode('latin-1'), parse_json(body) if body else None


def parse_json(body):
    """nlohmann::json::parse: strict UTF-8, no lone surrogates, no NaN, no number past a double."""

    def number(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError('number overflow')
        return value

    def constant(name):
        raise ValueError(name)

    try:
        value = json.loads(body.decode('utf-8'), parse_constant=constant, parse_float=number)
        json.dumps(value, ensure_ascii=False).encode('utf-8')
        return value
    except (ValueError, RecursionError) as error:
        die('json parse_error: %s' % error)


def typed(value, kinds, name):
    """json::get<T>(): another type throws."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        die('json type_error: %s' % name)
    return value


class Root:
    def __init__(self, options):
        self.options = options
        self.cache = []  # (role, content, was it evaluated)
        self.wedged = 0
        self.workers = []

    def run(self):
        while True:
            self.connect_workers()
            time.sleep(self.options.load_seconds)
            try:
                self.listen()
            except ExecutorError as error:
                say('Inference error: %s, retrying' % error)
            for worker in self.workers:
                worker.close()
            self.workers, self.cache = [], []
            time.sleep(self.options.reload_seconds)

    def connect_workers(self):
        for address in self.options.workers:
            host, port = address.split(':')
            self.workers.append(socket.create_connection((host, int(port))))

    def listen(self):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((self.options.host, self.options.port))
            server.listen(4096)
            say('Listening on %s:%d' % server.getsockname())
            while True:
                client, _ = server.accept()
                with client:
                    try:
                        self.serve(client, *read_request(client))
                    except TransferError as error:
                        say('Socket error: %s' % error)

    def serve(self, client, method, path, body):
        say('%s %s' % (method, path))
        if method == 'OPTIONS':
            send(client, b'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
        elif (method, path) == ('POST', '/v1/chat/completions'):
            self.complete(client, body)
        elif (method, path) == ('GET', '/v1/models'):
            self.write_json(client, {'object': 'list', 'data': [{'id': 'double.m', 'object': 'model'}]})
        else:
            send(client, b'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 9\r\n\r\nNot Found')

    def write_json(self, client, value):
        body = json.dumps(value).encode()
        head = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(body)
        send(client, head + body)

    def parse(self, body):
        body = {} if body is None else typed(body, (dict,), 'request')
        messages = []
        for item in body.get('messages') or []:
            typed(item, (dict,), 'message')
            messages.append((typed(item.get('role'), (str,), 'role'), typed(item.get('content'), (str,), 'content')))
        for name, kinds in (
            ('stream', (bool,)),
            ('temperature', (int, float, bool)),
            ('seed', (int, float, bool)),
            ('max_tokens', (int, float, bool)),
        ):
            if name in body:
                typed(body[name], kinds, name)
        for stop in typed(body.get('stop', []), (list,), 'stop'):
            typed(stop, (str,), 'stop')
        return messages, bool(body.get('stream')), int(body.get('max_tokens', -1))

    def delta_prompt(self, messages):
        """NaiveCache::resolveDeltaPrompt: what was said before is not evaluated again, even if it never was."""
        known = len(self.cache)
        if known and len(messages) > known and all(c[:2] == m for c, m in zip(self.cache, messages)):
            return messages[known:], all(c[2] for c in self.cache)
        self.cache = []
        return messages, True

    def complete(self, client, body):
        messages, stream, max_tokens = self.parse(body)
        with open(self.options.log, 'a') as log:
            log.write(json.dumps(body) + '\n')
        delta, sound = self.delta_prompt(messages)
        if any('\0' in content for _, content in delta):
            die('the prompt ends at NUL')
        # A template that adds nothing after the last message leaves less than two tokens, and reads the stack.
        if messages and delta[-1][0] != 'user':
            die('token was never set')
        order = dict(re.findall(r'(\w+)=(\S+)', messages[-1][1])) if messages else {'tokens': '1000000', 'delay': '0.05'}
        # A token is a word. A prompt that does not fit is cut, and leaves no room for an answer.
        fits = sum(len(content.split()) for _, content in messages) <= self.options.seq_len
        mark = len(self.cache)
        self.cache += [(role, content, False) for role, content in delta]
        if stream:
            send(client, b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n'
                         b'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
        if self.options.template == 'deepSeek3' and stream:
            self.chunk(client, '<think>\n')
        if 'wedge' in order:
            self.wedged = int(order['wedge'])
        if self.wedged > 0:
            self.wedged -= 1
            raise TransferError('Socket closed')
        time.sleep(float(order.get('think', 0)))
        self.cache = self.cache[:mark] + [(role, content, True) for role, content, _ in self.cache[mark:]]
        written = ''
        for piece in self.pieces(order, max_tokens, sound) if fits else ():
            written += piece
            if stream:
                self.chunk(client, piece)
        self.cache.append(('assistant', written, True))
        if stream:
            self.chunk(client, None)
            end = b'data: [DONE]'
            send(client, b'%x\r\n%s\r\n' % (len(end), end))
            send(client, b'0000\r\n\r\n')
        else:
            message = {'role': 'assistant', 'content': written}
            self.write_json(client, {'choices': [{'index': 977195456, 'finish_reason': '', 'message': message}]})

    def pieces(self, order, max_tokens, sound):
        said = order['text'].split('|') if 'text' in order else ['t%d ' % i for i in range(int(order.get('tokens', 3)))]
        if not sound:
            said = ['GARBAGE']
        for i, piece in enumerate(said):
            if 0 < max_tokens <= i:
                return
            if i == int(order.get('stall', -1)):
                while True:
                    time.sleep(60)
            if i == int(order.get('die', -1)):
                die('told to')
            if i == int(order.get('lose', -1)):
                raise ExecutorError('Connection reset by peer')
            yield piece
            time.sleep(float(order.get('delay', 0)))

    def chunk(self, client, piece):
        choice = {'finish_reason': 'stop', 'index': 0}
        if piece is not None:
            choice = {'delta': {'content': piece, 'role': 'assistant'}, 'finish_reason': '', 'index': 0}
        value = {'choices': [choice], 'created': int(time.time()), 'id': 'cmpl-c0', 'object': 'chat.completion'}
        data = b'data: %s\r\n\r\n' % json.dumps(value, ensure_ascii=False).encode()
        send(client, b'%x\r\n%s\r\n' % (len(data), data))


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=9990)
    parser.add_argument('--workers', nargs='*', default=[])
    parser.add_argument('--template', default='chatml')
    parser.add_argument('--seq-len', type=int, default=100_000)
    parser.add_argument('--load-seconds', type=float, default=0)
    parser.add_argument('--reload-seconds', type=float, default=0.5)
    parser.add_argument('--log', required=True, help='the bodies it was sent, one JSON a line')
    return parser.parse_args()


if __name__ == '__main__':
    sys.setrecursionlimit(5000)
    Root(parse_options()).run()
