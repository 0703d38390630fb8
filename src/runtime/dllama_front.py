#!/usr/bin/env python3
"""Stands between the world and dllama-api, so that no request can end it, and serves one at a time.

dllama-api (v0.16.4) aborts on a connection that opens and closes, on malformed JSON, chunked bodies, content
arrays, a stop string, a null max_tokens; it serves one connection at a time and opens its port only when it
is ready. This sidecar listens on the Service port, reads each request whole, checks it, rewrites it into the
form that dllama-api understands, and hands over one after the other; the rest wait in a bounded queue.

Why not nginx or HAProxy in front: a program must sit in the request path in any case (JSON is checked and
rewritten, the queue notices departures, tokens are counted), and a proxy before it would only add a second
parser and a second queue that can disagree with this one. So the HTTP spoken here is small and strict: one
request per connection, anything unusual is refused.

What the front knows of the root it reads in /proc/net/tcp (the containers of a pod share it): a connection
opened to look would end the root. Every connection that it does open carries one whole valid request.

Files in --state-dir, shared with dllama.sh in the root's container:
  restart-root   written here when the root is alive but useless; dllama.sh kills it and starts another one
  draining       written by dllama.sh while the root is being shut down: nothing more may be handed over. The front
                 cannot know whether it is for good, and keeps the queue; at the end of the pod it gets its own SIGTERM

What it cannot cure:
- Generated text that is not valid UTF-8 ends dllama-api (its JSON writer throws); the answer then fails with 502, the
  root restarts, and the queue waits for it. images/dllama builds one that does not.
- dllama-api streams pieces of text, not tokens, and no counts. usage.completion_tokens counts pieces and so is a
  lower bound (a character may take several tokens, the end is one without text); finish_reason is `length` when the
  pieces reach max_tokens, and otherwise `stop`, even where tokens without text or the end of the context ended it.
"""
import argparse
import asyncio
import collections
import json
import math
import os
import re
import secrets
import signal
import socket
import sys
import time

from program import USAGE, log

KIB, MIB = 1024, 1024 * 1024

# HTTP
MAX_HEAD = 32 * KIB
MAX_HEADERS = 100
MAX_EXTRA = 1 * MIB  # what a client may send behind its request before it counts as gone
MAX_UNSENT = 1 * MIB  # how far a client may lag behind its answer before it counts as gone
FLUSH_SECONDS = 30  # for a client to take the rest of its answer, when the root is already free again
LINGER_SECONDS = 10  # of silence, from a client that was answered before it had sent everything
BODIES_IN_MEMORY = 4  # times --max-body-mib

# JSON
MAX_STOPS, MAX_STOP_LENGTH = 16, 256
# What the chat template adds to a message: more bytes, but not more tokens, for its markers are one each.
TEMPLATE_BYTES = 32
BYTES_PER_TOKEN = 6  # rarely more: what is longer than so many for each token of the context does not fit it
MAX_PROMPT = 64 * KIB  # dllama-api's tokenizer takes quadratic time (16 KiB took 19 s) and cannot be stopped
MAX_TOKENS = 2**30  # dllama-api reads an int

# The root
POLL_SECONDS = 0.25
DIAL_SECONDS = 5
MAX_ANSWER = 16 * MIB
# The root is silent while it tokenizes and evaluates the prompt: 0.1 s a byte is 2.5 tokens a second.
PROMPT_SECONDS_PER_BYTE = 0.1
# Pieces after which the prompt is surely evaluated (the DeepSeek template sends one before it begins). A root
# that loses its client earlier keeps the prompt in its cache without having computed it.
SETTLED = 2
# What the DeepSeek template makes dllama-api say first; no token was generated for it.
PUBLIC_PROMPT = '<think>\n'
# Answers in a row that end early while the root goes on listening: its link to the workers is broken and it
# does not know.
WEDGED = 2

REASONS = {
    200: 'OK', 204: 'No Content', 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed',
    408: 'Request Timeout', 413: 'Content Too Large', 415: 'Unsupported Media Type', 417: 'Expectation Failed',
    429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 500: 'Internal Server Error',
    501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
    505: 'HTTP Version Not Supported',
}
CLIENT_GONE = 499  # for log and metrics alone: nobody is there to read it

CHAT, MODELS, HEALTH, LIVEZ, METRICS = '/v1/chat/completions', '/v1/models', '/health', '/livez', '/metrics'
METHODS = {CHAT: ('POST',), MODELS: ('GET',), HEALTH: ('GET',), LIVEZ: ('GET',), METRICS: ('GET',)}
PROBES = (HEALTH, LIVEZ, METRICS)


class HttpError(Exception):
    """An answer that refuses, in the form that OpenAI clients read."""

    def __init__(self, status, message, code=None, retry_after=None, headers=()):
        super().__init__(message)
        self.status, self.code, self.headers = status, code, list(headers)
        if retry_after is not None:
            self.headers.append(('Retry-After', str(retry_after)))

    def body(self):
        kind = 'server_error' if self.status >= 500 else 'invalid_request_error'
        if self.status == 429:
            kind = 'rate_limit_error'
        return {'error': {'message': str(self), 'type': kind, 'param': None, 'code': self.code}}


class ClientGone(Exception):
    """The client closed its connection, or reads too slowly to be waited for."""


# ---------------------------------------------------------------------------------------------------
# HTTP: one request per connection


class Request:
    def __init__(self, method, path, version, headers):
        self.method, self.path, self.version, self.headers = method, path, version, headers
        self.length = 0
        self.chunked = False


class Connection:
    """One client: reads its only request, writes its only answer."""

    HEAD_START = re.compile(rb'[A-Z]{1,16}(\Z| )')  # TLS, HTTP/2 and other noise end here, after the first bytes
    BARE_LF = re.compile(rb'(?<!\r)\n')
    REQUEST_LINE = re.compile(r'([A-Z]{1,16}) (/[!-~]*|\*) HTTP/(\d)\.(\d)')
    HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
    CHUNK_SIZE = re.compile(rb'([0-9A-Fa-f]{1,8})[ \t]*(;[\t -~]*)?')

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.buffer = bytearray()
        self.account = None  # hears of each n bytes that memory must hold for the body
        self.request = None
        self.answered = False
        self.chunked = False

    async def _more(self):
        data = await self.reader.read(64 * KIB)
        if not data:
            raise ClientGone()
        self.buffer += data
        if self.account:
            self.account(len(data))

    def _take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    async def read_head(self):
        while (end := self.buffer.find(b'\r\n\r\n')) < 0:
            if len(self.buffer) > MAX_HEAD:
                raise HttpError(431, 'The request line and headers are larger than %d bytes.' % MAX_HEAD)
            await self._more()
            if not self.HEAD_START.match(self.buffer):
                raise HttpError(400, 'This is not an HTTP/1.1 request.')
            if self.BARE_LF.search(self.buffer, 0, MAX_HEAD) and self.buffer.find(b'\r\n\r\n') < 0:
                raise HttpError(400, 'Lines of an HTTP request end in CR LF.')
        if end > MAX_HEAD:
            raise HttpError(431, 'The request line and headers are larger than %d bytes.' % MAX_HEAD)
        head = self._take(end + 4)[:-4]
        lines = head.decode('latin-1').split('\r\n')
        line = self.REQUEST_LINE.fullmatch(lines[0])
        if not line:
            raise HttpError(400, 'The request line is malformed.')
        if line[3] != '1':
            raise HttpError(505, 'Only HTTP/1.1 and HTTP/1.0 are spoken here.')
        if len(lines) > MAX_HEADERS:
            raise HttpError(431, 'More than %d headers.' % MAX_HEADERS)
        headers = {}
        for text in lines[1:]:
            header = self.HEADER.fullmatch(text)
            if not header:
                raise HttpError(400, 'A header is malformed.')
            name, value = header[1].lower(), header[2].strip(' \t')
            if name in headers and name in ('content-length', 'transfer-encoding', 'host'):
                raise HttpError(400, 'The header %s is there twice.' % name)
            headers[name] = value
        version = (int(line[3]), int(line[4]))
        self.request = Request(line[1], line[2].split('?')[0], version, headers)
        self._read_framing(self.request)
        return self.request

    @staticmethod
    def _read_framing(request):
        """How long the body is. Whatever two parsers could read in two ways is refused."""
        headers = request.headers
        if request.version >= (1, 1) and 'host' not in headers:
            raise HttpError(400, 'The header Host is missing.')
        length, coding = headers.get('content-length'), headers.get('transfer-encoding')
        if coding is not None:
            if length is not None or request.version < (1, 1):
                raise HttpError(400, 'Transfer-Encoding with Content-Length, or in HTTP/1.0, is ambiguous.')
            if coding.lower() != 'chunked':
                raise HttpError(501, 'The only transfer coding understood is chunked.')
            request.chunked = True
        elif length is not None:
            if not re.fullmatch('[0-9]{1,15}', length):
                raise HttpError(400, 'Content-Length is not a number.')
            request.length = int(length)
        if headers.get('content-encoding', 'identity').lower() != 'identity':
            raise HttpError(415, 'Compressed bodies are not accepted.')
        if headers.get('expect', '100-continue').lower() != '100-continue':
            raise HttpError(417, 'The only expectation understood is 100-continue.')

    async def read_body(self, limit):
        """The whole body, at most `limit` bytes."""
        request = self.request
        if request.length > limit:
            raise too_large(limit)
        if 'expect' in request.headers and request.version >= (1, 1):
            self.writer.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        if request.chunked:
            return await self._read_chunks(limit)
        while len(self.buffer) < request.length:
            await self._more()
        return self._take(request.length)

    async def _read_line(self, limit):
        while (end := self.buffer.find(b'\r\n')) < 0:
            if len(self.buffer) > limit:
                raise HttpError(400, 'The chunked body is malformed.')
            await self._more()
        return self._take(end + 2)[:-2]

    async def _read_chunks(self, limit):
        body = bytearray()
        while True:
            size = self.CHUNK_SIZE.fullmatch(await self._read_line(KIB))
            if not size:
                raise HttpError(400, 'The chunked body is malformed.')
            count = int(size[1], 16)
            if len(body) + count > limit:
                raise too_large(limit)
            if count == 0:
                break
            while len(self.buffer) < count + 2:
                await self._more()
            body += self._take(count)
            if self._take(2) != b'\r\n':
                raise HttpError(400, 'The chunked body is malformed.')
        for _ in range(MAX_HEADERS):
            if not await self._read_line(8 * KIB):  # trailers say nothing to us
                return bytes(body)
        raise HttpError(400, 'The chunked body is malformed.')

    async def departure(self):
        """Returns when the client has left, or has sent much that nobody asked for; all of it is thrown away."""
        extra = 0
        try:
            while data := await self.reader.read(64 * KIB):
                extra += len(data)
                if extra > MAX_EXTRA:
                    return
        except OSError:
            return

    def _head(self, status, headers):
        lines = ['HTTP/1.1 %d %s' % (status, REASONS[status])]
        lines += ['%s: %s' % header for header in headers]
        lines += ['Access-Control-Allow-Origin: *', 'Connection: close', '', '']
        self.answered = True
        return '\r\n'.join(lines).encode('latin-1')

    def respond(self, status, body=b'', content_type='application/json; charset=utf-8', headers=()):
        """Writes a whole answer: `body` is bytes, or an object that becomes JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = list(headers)
        if status != 204:
            headers += [('Content-Type', content_type), ('Content-Length', str(len(body)))]
        head_only = self.request is not None and self.request.method == 'HEAD'
        self.writer.write(self._head(status, headers) + (b'' if head_only else body))

    def begin_stream(self):
        self.chunked = self.request.version >= (1, 1)
        headers = [('Content-Type', 'text/event-stream; charset=utf-8'), ('Cache-Control', 'no-cache')]
        self.writer.write(self._head(200, headers + [('Transfer-Encoding', 'chunked')] * self.chunked))

    def send_event(self, data):
        """One server-sent event, at once; a client that does not take its answer is let go."""
        event = ('data: %s\n\n' % (data if isinstance(data, str) else json.dumps(data))).encode()
        self.writer.write(b'%x\r\n%s\r\n' % (len(event), event) if self.chunked else event)
        if self.writer.transport.is_closing() or self.writer.transport.get_write_buffer_size() > MAX_UNSENT:
            raise ClientGone()

    def end_stream(self):
        if self.chunked:
            self.writer.write(b'0\r\n\r\n')

    async def close(self, most):
        """Lets the client read all of its answer: a close with unread input would reset the connection.

        A client that was refused may still be sending, up to `most` bytes: they are read and thrown away.
        """
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                self.writer.transport.set_write_buffer_limits(high=0)
                await self.writer.drain()
            if self.writer.can_write_eof():
                self.writer.write_eof()
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._discard(most)
        except (OSError, RuntimeError, TimeoutError):
            pass
        self.writer.transport.abort()

    async def _discard(self, most):
        while most > 0:
            async with asyncio.timeout(LINGER_SECONDS):
                data = await self.reader.read(64 * KIB)
            if not data:
                return
            most -= len(data)


def too_large(limit):
    return HttpError(413, 'The body is larger than %d bytes.' % limit, 'body_too_large')


def keep_alive(sock):
    """Notices within two minutes that a waiting client's machine is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (('TCP_KEEPIDLE', 60), ('TCP_KEEPINTVL', 15), ('TCP_KEEPCNT', 4)):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


# ---------------------------------------------------------------------------------------------------
# JSON: what clients send, and what dllama-api understands


class Chat:
    """A checked chat request; `payload` is the HTTP request that the root gets."""

    def __init__(self, fields, max_seq_len):
        self.stream = optional(fields, 'stream', bool, 'true or false') or False
        options = optional(fields, 'stream_options', dict, 'an object') or {}
        self.include_usage = options.get('include_usage') is True
        self.max_tokens = read_max_tokens(fields)
        self.stops = read_stops(fields)
        refuse_what_the_engine_lacks(fields)
        messages = read_messages(fields)
        self.prompt_bytes = sum(len(m['content'].encode()) + TEMPLATE_BYTES for m in messages)
        self.max_seq_len = max_seq_len
        if self.prompt_bytes > max_prompt(max_seq_len):
            raise self.context_exceeded('this server takes at most %d.' % max_prompt(max_seq_len))
        root = {'messages': messages, 'stream': True, 'seed': read_seed(fields)}
        for name, largest in (('temperature', 2), ('top_p', 1)):
            value = optional(fields, name, (int, float), 'a number')
            if value is not None:
                if not 0 <= value <= largest:
                    raise HttpError(400, '%s must be from 0 to %d.' % (name, largest))
                root[name] = value
        if self.max_tokens is not None:
            root['max_tokens'] = self.max_tokens
        if self.stops:
            root['stop'] = self.stops
        # In ASCII, and with the header names in the case that dllama-api looks for.
        body = json.dumps(root, ensure_ascii=True, allow_nan=False).encode('ascii')
        self.payload = (
            b'POST /v1/chat/completions HTTP/1.1\r\n'
            b'Content-Type: application/json\r\n'
            b'Content-Length: %d\r\n\r\n' % len(body)
        ) + body

    def surely_fits(self):
        """A token is at least one byte. Whether a longer prompt fits is known to the root alone."""
        return self.prompt_bytes <= self.max_seq_len

    def context_exceeded(self, why):
        message = 'The messages take about %d bytes; %s' % (self.prompt_bytes, why)
        return HttpError(400, message, 'context_length_exceeded')


def max_prompt(max_seq_len):
    """Bytes that the messages may take."""
    return min(MAX_PROMPT, BYTES_PER_TOKEN * max_seq_len)


def parse_chat(body, max_seq_len):
    """Checks `body` against what dllama-api survives and understands; HttpError 400 says what is wrong."""
    if not body:
        raise HttpError(400, 'The request has no body.')
    # Bounds what the parsed JSON can take in memory: an empty list of three bytes costs seventy.
    if body.count(b'[') + body.count(b'{') + body.count(b',') > MAX_PROMPT + 64 * KIB:
        raise HttpError(413, 'The JSON holds too many values.', 'body_too_large')
    try:
        fields = json.loads(body.decode('utf-8'), object_pairs_hook=without_duplicates, parse_constant=no_constant)
    except UnicodeDecodeError:
        raise HttpError(400, 'The body is not valid UTF-8.') from None
    except RecursionError:
        raise HttpError(400, 'The JSON is nested too deeply.') from None
    except ValueError as error:
        raise HttpError(400, 'The body is not valid JSON: %s' % str(error)[:200]) from None
    if not isinstance(fields, dict):
        raise HttpError(400, 'The body must be a JSON object.')
    return Chat(fields, max_seq_len)


def without_duplicates(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError('a name occurs twice in one object')
    return result


def no_constant(name):
    raise ValueError('%s is not JSON' % name)


def optional(fields, name, kind, what):
    """The field, or None when it is null or absent. A bool is no number."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise HttpError(400, '%s must be %s.' % (name, what))
    if isinstance(value, float) and not math.isfinite(value):
        raise HttpError(400, '%s must be a finite number.' % name)
    return value


def read_max_tokens(fields):
    # max_completion_tokens is the newer name of the same thing.
    values = [optional(fields, name, int, 'an integer') for name in ('max_completion_tokens', 'max_tokens')]
    value = values[0] if values[0] is not None else values[1]
    if value is not None and value < 1:
        raise HttpError(400, 'max_tokens must be at least 1.')
    return None if value is None else min(value, MAX_TOKENS)


def read_stops(fields):
    value = optional(fields, 'stop', (str, list), 'a string or a list of strings')
    stops = [value] if isinstance(value, str) else value or []
    if len(stops) > MAX_STOPS:
        raise HttpError(400, 'stop may have at most %d strings.' % MAX_STOPS)
    for stop in stops:
        if not isinstance(stop, str) or not 0 < len(stop) <= MAX_STOP_LENGTH:
            raise HttpError(400, 'stop must hold strings of 1 to %d characters.' % MAX_STOP_LENGTH)
        check_text('stop', stop)
    return stops


def read_seed(fields):
    """Never 0, never absent: the root keeps a seed for all later requests, and with 0 it samples no more."""
    seed = optional(fields, 'seed', int, 'an integer')
    if seed is None:
        seed = secrets.randbits(63)
    return seed % 2**63 or 1


def refuse_what_the_engine_lacks(fields):
    """An option that would change the answer is refused, not dropped; all others are dropped."""
    n = optional(fields, 'n', int, 'an integer')
    if n not in (None, 1):
        raise HttpError(400, 'n must be 1: the engine gives one answer at a time.')
    if fields.get('logprobs') not in (None, False):
        raise HttpError(400, 'logprobs are not supported by the engine.')
    if (fields.get('tools') or fields.get('functions')) and fields.get('tool_choice') != 'none':
        raise HttpError(400, 'tools and functions are not supported by the engine.')
    form = optional(fields, 'response_format', dict, 'an object') or {}
    if form.get('type', 'text') != 'text':
        raise HttpError(400, 'response_format must be text: the engine knows no other.')
    if fields.get('modalities') not in (None, ['text']):
        raise HttpError(400, 'modalities must be ["text"]: the engine writes text alone.')


def read_messages(fields):
    messages = fields.get('messages')
    if not isinstance(messages, list) or not messages:
        raise HttpError(400, 'messages must be a list of at least one message.')
    result = [read_message(message, 'messages[%d]' % i) for i, message in enumerate(messages)]
    # After other roles some chat templates add nothing; dllama-api then reads memory it never wrote.
    if result[-1]['role'] != 'user':
        raise HttpError(400, 'The last message must be from the role user.')
    return result


def read_message(message, where):
    if not isinstance(message, dict):
        raise HttpError(400, '%s must be an object.' % where)
    role = message.get('role')
    if role == 'developer':  # OpenAI's newer name
        role = 'system'
    if role not in ('system', 'user', 'assistant'):
        raise HttpError(400, '%s.role must be system, user or assistant.' % where)
    if message.get('tool_calls') or message.get('function_call'):
        raise HttpError(400, '%s: tool calls are not supported by the engine.' % where)
    content = message.get('content')
    if isinstance(content, list):
        content = '\n'.join(read_part(part, '%s.content[%d]' % (where, i)) for i, part in enumerate(content))
    if not isinstance(content, str):
        raise HttpError(400, '%s.content must be a string or a list of text parts.' % where)
    check_text('%s.content' % where, content)
    return {'role': role, 'content': content}


def read_part(part, where):
    if not isinstance(part, dict) or part.get('type') != 'text' or not isinstance(part.get('text'), str):
        raise HttpError(400, '%s must be a part of type text: the engine reads text alone.' % where)
    return part['text']


def check_text(where, text):
    """A lone surrogate ends dllama-api; U+0000 ends its prompt early, which can end it too."""
    if '\0' in text:
        raise HttpError(400, '%s must not hold U+0000.' % where)
    try:
        text.encode('utf-8')
    except UnicodeEncodeError:
        raise HttpError(400, '%s holds half of a surrogate pair.' % where) from None


class StopFilter:
    """Ends a text before the first stop string, which may come in pieces. dllama-api reads `stop` and ignores it."""

    def __init__(self, stops):
        self.stops = stops
        self.held = ''

    def feed(self, text):
        """What may be shown now, and whether a stop string was met."""
        if not self.stops:
            return text, False
        self.held += text
        found = [at for at in (self.held.find(stop) for stop in self.stops) if at >= 0]
        if found:
            return self.held[: min(found)], True
        return self._release(self._possible_start()), False

    def rest(self):
        return self._release(0)

    def _possible_start(self):
        """How many of the last characters may be the beginning of a stop string."""
        longest = max(len(stop) for stop in self.stops) - 1
        for count in range(min(longest, len(self.held)), 0, -1):
            if any(stop.startswith(self.held[-count:]) for stop in self.stops):
                return count
        return 0

    def _release(self, keep):
        cut = len(self.held) - keep
        shown, self.held = self.held[:cut], self.held[cut:]
        return shown


# ---------------------------------------------------------------------------------------------------
# The root


class RootWatch:
    """What the kernel's table of sockets says about the root, without a connection to it."""

    LISTEN, ESTABLISHED = '0A', '01'

    def __init__(self, options):
        self.path = options.proc_net_tcp
        self.root_port = ':%04X' % options.root_port
        self.addresses = ('0100007F' + self.root_port, '00000000' + self.root_port)
        self.worker_port = ':%04X' % options.worker_port
        self.wanted = options.workers
        self.restart_file = os.path.join(options.state_dir, 'restart-root')
        self.draining_file = os.path.join(options.state_dir, 'draining')
        self.inode = None  # of the listening socket: another one is another life of the root
        self.last_inode = None
        self.ever_up = False
        self.restarts = 0
        self.state = 'starting'
        self.since = time.monotonic()

    def look(self):
        """Reads the table and returns the state: starting, serving, degraded (a worker is lost), restarting,
        restart-requested or draining."""
        self.inode, workers = self._sockets()
        if self.inode is not None and self.inode != self.last_inode:
            if self.last_inode is not None:
                self.restarts += 1
            self.last_inode = self.inode
        state = self._state(workers)
        if state == 'serving':
            self.ever_up = True
        if state != self.state:
            log('root: %s, before %s' % (state, self.state))
            if 'serving' in (state, self.state):
                self.since = time.monotonic()
            self.state = state
        return state

    def _state(self, workers):
        if os.path.exists(self.restart_file):  # first: a root that is stopped for this comes back
            return 'restart-requested'
        if os.path.exists(self.draining_file):
            return 'draining'
        if self.inode is None:
            return 'restarting' if self.ever_up else 'starting'
        return 'serving' if workers >= self.wanted else 'degraded'

    def _sockets(self):
        inode, workers = None, 0
        with open(self.path) as table:
            for line in table:
                if self.root_port not in line and self.worker_port not in line:
                    continue
                row = line.split()
                local, remote, state = row[1:4]
                if state == self.LISTEN and local in self.addresses:
                    inode = row[9]
                elif state == self.ESTABLISHED and remote.endswith(self.worker_port):
                    workers += 1
        return inode, workers

    def request_restart(self, reason):
        """Makes dllama.sh kill the root and start another one; its liveness probe fails meanwhile."""
        log('root: asking for a restart: %s' % reason)
        try:
            with open(self.restart_file, 'w') as f:
                f.write(reason + '\n')
        except OSError as error:
            log('root: cannot write %s: %s' % (self.restart_file, error))


class RootGone(Exception):
    """The root closed the connection before its answer was complete."""


class RootReply:
    """Reads dllama-api's answer: server-sent events, one or more in each HTTP chunk."""

    def __init__(self, reader):
        self.reader = reader
        self.buffer = b''

    async def read_head(self):
        head = await self._read(self.reader.readuntil(b'\r\n\r\n'))
        if not head.startswith(b'HTTP/1.1 200 '):
            raise RootGone('the root answered %r' % head.split(b'\r\n')[0][:60])

    async def next_piece(self):
        """The next piece of text; None when the answer is complete."""
        while (end := self.buffer.find(b'\r\n\r\n')) < 0:
            size = int((await self._read(self.reader.readuntil(b'\r\n'))), 16)
            if size == 0:
                raise RootGone('the answer ended without a finish_reason')
            self.buffer += (await self._read(self.reader.readexactly(size + 2)))[:-2]
        event, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
        choice = json.loads(event.removeprefix(b'data: '))['choices'][0]
        return None if choice.get('finish_reason') else choice['delta']['content']

    async def _read(self, reading):
        try:
            return await reading
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            raise RootGone('the root closed the connection: %s' % type(error).__name__) from None


class Generation:
    """A chat request on its way: queue, root, answer. The dispatcher writes `events`, the client's handler reads."""

    def __init__(self, chat):
        self.chat = chat
        self.events = asyncio.Queue()
        self.filter = StopFilter(chat.stops)
        self.arrived = time.monotonic()
        self.handed_over = None
        self.first_token = None
        self.public_prompt = ''
        self.pieces = 0
        self.tokens = 0
        self.size = 0
        self.ended = False  # the client has its last event, or has left
        self.abandoned = False

    def tell(self, kind, value=None):
        if not self.ended:
            self.events.put_nowait((kind, value))
            self.ended = kind in ('end', 'error')

    def add(self, piece):
        """A piece of text from the root. It is one token, or several that only together are valid text."""
        self.pieces += 1
        if self.pieces == 1 and piece == PUBLIC_PROMPT:
            self.public_prompt = piece
            return
        self.tokens += 1
        if self.first_token is None:
            self.first_token = time.monotonic()
            self.begin()
        self.size += len(piece)
        shown, stopped = self.filter.feed(piece)
        if shown:
            self.tell('text', shown)
        if stopped:
            self.tell('end', 'stop')
        elif self.size > MAX_ANSWER:
            self.tell('end', 'length')

    def begin(self):
        """Not earlier than the first token: until then the answer may have to be a refusal."""
        self.tell('begin')
        if self.public_prompt:
            self.tell('text', self.public_prompt)

    def complete(self):
        if self.tokens == 0 and not self.chat.surely_fits():
            # The root does not say that a prompt is too long, it says nothing at all. A model that chose to say
            # nothing looks the same; of prompts so long it is far less likely.
            self.tell('error', self.chat.context_exceeded(
                'the model gave no answer, most likely because they do not fit its context of %d tokens.'
                % self.chat.max_seq_len
            ))
            return
        if self.tokens == 0:
            self.begin()
        if rest := self.filter.rest():
            self.tell('text', rest)
        limit = self.chat.max_tokens
        self.tell('end', 'length' if limit is not None and self.tokens >= limit else 'stop')

    def usage(self):
        """The root does not tell the length of the prompt in a stream, so it is not counted."""
        return {'prompt_tokens': 0, 'completion_tokens': self.tokens, 'total_tokens': self.tokens}


# ---------------------------------------------------------------------------------------------------
# Metrics


class Histogram:
    BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

    def __init__(self):
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds):
        self.counts[next((i for i, bound in enumerate(self.BOUNDS) if seconds <= bound), -1)] += 1
        self.sum += seconds

    def lines(self, name):
        total = 0
        for bound, count in zip([*self.BOUNDS, '+Inf'], self.counts):
            total += count
            yield '%s_bucket{le="%s"} %d' % (name, bound, total)
        yield '%s_sum %.6f' % (name, self.sum)
        yield '%s_count %d' % (name, total)


class Metrics:
    PREFIX = 'dllama_front_'
    OUTCOMES = ('complete', 'abandoned', 'failed', 'stalled')
    STATES = ('starting', 'serving', 'busy', 'degraded', 'restarting', 'restart-requested', 'draining')

    def __init__(self):
        self.requests = collections.Counter()
        self.generations = collections.Counter()
        self.tokens = 0
        self.stalls = 0
        self.restart_requests = 0
        self.duration, self.first_token, self.queue_wait = Histogram(), Histogram(), Histogram()

    def text(self, front):
        lines = []

        def add(name, kind, text, samples):
            name = self.PREFIX + name
            lines.extend(('# HELP %s %s' % (name, text), '# TYPE %s %s' % (name, kind)))
            if isinstance(samples, Histogram):
                lines.extend(samples.lines(name))
            else:
                lines.extend('%s%s %s' % (name, labels, value) for labels, value in samples)

        state = front.state()
        add('queue_length', 'gauge', 'Requests that wait for the root.', [('', len(front.waiting))])
        add('queue_limit', 'gauge', 'Requests that may wait.', [('', front.options.queue)])
        add('connections', 'gauge', 'Open client connections.', [('', len(front.connections))])
        add('root_state', 'gauge', '1 for the state that the root is in.',
            [('{state="%s"}' % s, int(s == state)) for s in self.STATES])
        add('root_restarts_total', 'counter', 'Times the root came back to listening.', [('', front.root.restarts)])
        add('root_restart_requests_total', 'counter', 'Times the front asked for a restart of the root.',
            [('', self.restart_requests)])
        add('requests_total', 'counter', 'Answered requests; code 499 is a client that left.',
            [('{path="%s",code="%d"}' % key, n) for key, n in sorted(self.requests.items())])
        add('generations_total', 'counter', 'Requests that reached the root, by how they ended.',
            [('{outcome="%s"}' % outcome, self.generations[outcome]) for outcome in self.OUTCOMES])
        add('generation_stalls_total', 'counter', 'Generations in which the root fell silent.', [('', self.stalls)])
        add('generated_tokens_total', 'counter', 'Pieces of text that the root generated.', [('', self.tokens)])
        add('request_duration_seconds', 'histogram', 'From arrival to the last token of answered chats.', self.duration)
        add('time_to_first_token_seconds', 'histogram', 'From arrival to the first token.', self.first_token)
        add('queue_wait_seconds', 'histogram', 'From arrival to the root.', self.queue_wait)
        return ('\n'.join(lines) + '\n').encode()


# ---------------------------------------------------------------------------------------------------
# The front


class Front:
    def __init__(self, options):
        self.options = options
        self.root = RootWatch(options)
        self.metrics = Metrics()
        self.waiting = collections.deque()
        self.active = None
        self.changed = asyncio.Event()  # somebody waits, or the root's state is new
        self.stopping = asyncio.Event()
        self.connections = {}  # task -> None, in order of arrival
        self.reading = {}  # those among them that still send their request
        self.refusing = 0  # connections past the limit that still read why
        self.body_bytes = 0
        self.unfinished = 0  # answers in a row that ended early though the root went on listening
        self.mean_seconds = 5.0

    async def run(self):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        self.root.look()
        # First in, first out; the backlog is what the kernel holds for a moment.
        server = await asyncio.start_server(self.serve, self.options.host, self.options.port, backlog=128)
        log('listening on %s:%d' % server.sockets[0].getsockname()[:2])
        services = [asyncio.create_task(work) for work in (self.dispatch(), self.watch(), self.stopping.wait())]
        done, _ = await asyncio.wait(services, return_when=asyncio.FIRST_COMPLETED)
        server.close()
        if services[-1] not in done:
            await done.pop()  # dispatch or watch failed, and that is a defect: end with its traceback
        await self.drain()

    async def drain(self):
        log('draining: %d in flight, %d refused' % (self.active is not None, len(self.waiting)))
        deadline = time.monotonic() + self.options.drain_seconds
        self.refuse_waiting(self.refusal_of_shutdown())
        while (self.active or self.connections) and time.monotonic() < deadline:
            if not self.active:
                for task in list(self.reading):
                    task.cancel()
            await asyncio.sleep(0.05)
        log('stopped')

    # Clients

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        connection = Connection(reader, writer)
        keep_alive(writer.get_extra_info('socket'))
        if len(self.connections) >= self.options.max_connections:
            oldest = next(iter(self.reading), None)
            if oldest is None:
                await self.refuse_connection(connection)
                return
            self.forget(oldest)
            oldest.cancel()  # the slowest to say what it wants makes room
        self.connections[task] = self.reading[task] = None
        try:
            await self.answer(connection)
            await connection.close(self.most_unread())
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.forget(task)

    async def refuse_connection(self, connection):
        self.metrics.requests['other', 503] += 1
        if self.refusing >= self.options.max_connections:
            connection.writer.transport.abort()
            return
        self.refusing += 1
        try:
            refusal = HttpError(503, 'Too many connections.', 'too_many_connections', retry_after=5)
            connection.respond(refusal.status, refusal.body(), headers=refusal.headers)
            await connection.close(self.most_unread())
        finally:
            self.refusing -= 1

    def most_unread(self):
        """Bytes that a client may still be sending when it is refused."""
        return self.options.max_body_mib * MIB + MAX_EXTRA

    def forget(self, task):
        self.connections.pop(task, None)
        self.reading.pop(task, None)

    async def answer(self, connection):
        """Reads, answers, counts and logs one request."""
        began = time.monotonic()
        generation = None
        status = 200
        try:
            async with asyncio.timeout(self.options.header_seconds):
                request = await connection.read_head()
            if request.path == CHAT and request.method == 'POST':
                generation = await self.accept_chat(connection)
                status = await self.answer_chat(connection, generation)
            else:
                status = self.answer_simple(connection, request)
        except HttpError as error:
            status = error.status
            connection.respond(status, error.body(), headers=error.headers)
        except TimeoutError:
            status = 408
            if connection.buffer or connection.request:
                connection.respond(408, HttpError(408, 'The request did not arrive in time.').body())
        except (ClientGone, OSError):
            status = CLIENT_GONE
            connection.writer.transport.abort()
        except Exception as error:  # a defect of ours must not cost more than this request
            status = 500
            log('internal error: %r' % error)
            if connection.answered:
                connection.writer.transport.abort()
            else:
                connection.respond(500, HttpError(500, 'Internal error.').body())
        self.report(connection, status, generation, time.monotonic() - began)

    def report(self, connection, status, generation, seconds):
        request = connection.request
        if request is None and status in (CLIENT_GONE, 408) and not connection.buffer:
            return  # opened and closed without a word
        path = request.path if request and request.path in METHODS else 'other'
        self.metrics.requests[path, status] += 1
        if generation and status == 200:
            self.metrics.duration.observe(seconds)
        if path in PROBES and status == 200:
            return
        line = '%s %s %d' % (request.method, request.path[:100], status) if request else '- - %d' % status
        if generation and generation.handed_over:
            line += ' queue=%.0fms' % (1000 * (generation.handed_over - generation.arrived))
            if generation.first_token:
                line += ' ttft=%.0fms' % (1000 * (generation.first_token - generation.arrived))
            line += ' tokens=%d' % generation.tokens
        log('%s %.2fs' % (line, seconds))

    def answer_simple(self, connection, request):
        """All that needs no generation, and so never the root."""
        if request.method == 'OPTIONS':
            connection.respond(204, headers=[
                ('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE'),
                ('Access-Control-Allow-Headers', 'Content-Type, Authorization'),
            ])
            return 204
        if request.path not in METHODS:
            raise HttpError(404, 'There is nothing at this path.', 'not_found')
        allowed = METHODS[request.path]
        if request.method not in allowed and not (request.method == 'HEAD' and 'GET' in allowed):
            raise HttpError(
                405, 'This path takes %s alone.' % ', '.join(allowed), headers=[('Allow', ', '.join(allowed))]
            )
        if request.path == LIVEZ:
            connection.respond(200, {'status': 'ok'})
        elif request.path == METRICS:
            connection.respond(200, self.metrics.text(self), 'text/plain; version=0.0.4; charset=utf-8')
        elif request.path == MODELS:
            if not self.root.ever_up:
                raise self.refusal_of_root()
            model = {'id': self.options.model_id, 'object': 'model', 'created': 0, 'owned_by': 'user'}
            connection.respond(200, {'object': 'list', 'data': [model]})
        else:
            return self.answer_health(connection)
        return 200

    def answer_health(self, connection):
        state = self.state()
        up = state in ('serving', 'busy')
        report = {'status': 'ok' if up else 'unavailable', 'root': state, 'queue': len(self.waiting)}
        connection.respond(200 if up else 503, report)
        return 200 if up else 503

    def state(self):
        """The root's state, from a fresh look at the table."""
        if self.stopping.is_set():
            return 'draining'
        state = self.root.look()
        return 'busy' if state == 'serving' and self.active else state

    async def accept_chat(self, connection):
        """Reads and checks a chat request and gives it a place in the queue."""
        self.check_room()  # before the body costs anything
        held = 0

        def account(count):
            nonlocal held
            held += count
            self.body_bytes += count
            if self.body_bytes > BODIES_IN_MEMORY * self.options.max_body_mib * MIB:
                raise HttpError(503, 'Too many large requests at once.', 'too_many_bodies', retry_after=5)

        try:
            async with asyncio.timeout(self.options.body_seconds):
                connection.account = account
                account(len(connection.buffer))
                body = await connection.read_body(self.options.max_body_mib * MIB)
            chat = parse_chat(body, self.options.max_seq_len)
        finally:
            connection.account = None
            self.body_bytes -= held
        self.check_room()
        self.reading.pop(asyncio.current_task(), None)
        generation = Generation(chat)
        self.waiting.append(generation)
        self.changed.set()
        return generation

    def check_room(self):
        if self.stopping.is_set():
            raise self.refusal_of_shutdown()
        if len(self.waiting) + (self.active is not None) > self.options.queue:
            raise HttpError(
                429,
                'The queue is full: %d requests wait already.' % len(self.waiting),
                'queue_full',
                retry_after=self.guess_wait(1),
            )

    def guess_wait(self, places):
        """Seconds until so many places are free, going by the last answers."""
        return max(1, min(120, round(self.mean_seconds * places)))

    @staticmethod
    def refusal_of_shutdown():
        return HttpError(503, 'The server is shutting down.', 'draining', retry_after=10)

    def refusal_of_root(self):
        return HttpError(503, 'The model is not ready (%s).' % self.root.state, 'root_unavailable', retry_after=10)

    async def answer_chat(self, connection, generation):
        departure = asyncio.create_task(self.notice_departure(connection, generation))
        try:
            if generation.chat.stream:
                return await self.answer_stream(connection, generation)
            return await self.answer_whole(connection, generation)
        finally:
            departure.cancel()
            self.abandon(generation)
            # The connection's reader must be free again before close() reads.
            await asyncio.wait([departure])

    async def notice_departure(self, connection, generation):
        await connection.departure()
        self.abandon(generation)
        generation.events.put_nowait(('gone', None))

    def abandon(self, generation):
        """Nobody waits for this any more: frees its place at once, or ends its generation."""
        generation.abandoned = generation.abandoned or not generation.ended
        generation.ended = True
        if generation in self.waiting:
            self.waiting.remove(generation)

    async def answer_stream(self, connection, generation):
        base = self.answer_base('chat.completion.chunk')

        def send(delta, reason=None):
            choice = {'index': 0, 'delta': delta, 'finish_reason': reason}
            connection.send_event({**base, 'choices': [choice]})

        while True:
            kind, value = await generation.events.get()
            if kind == 'begin':
                connection.begin_stream()
                send({'role': 'assistant', 'content': ''})
            elif kind == 'text':
                send({'content': value})
            elif kind == 'end':
                send({}, value)
                if generation.chat.include_usage:
                    connection.send_event({**base, 'choices': [], 'usage': generation.usage()})
                connection.send_event('[DONE]')
                connection.end_stream()
                return 200
            elif kind == 'gone':
                raise ClientGone()
            elif not connection.answered:
                raise value
            else:  # too late for a status: an event says so, and no [DONE] follows
                connection.send_event(value.body())
                connection.end_stream()
                return value.status

    async def answer_whole(self, connection, generation):
        pieces = []
        while True:
            kind, value = await generation.events.get()
            if kind == 'text':
                pieces.append(value)
            elif kind == 'end':
                message = {'role': 'assistant', 'content': ''.join(pieces)}
                choice = {'index': 0, 'message': message, 'finish_reason': value}
                base = self.answer_base('chat.completion')
                connection.respond(200, {**base, 'choices': [choice], 'usage': generation.usage()})
                return 200
            elif kind == 'gone':
                raise ClientGone()
            elif kind == 'error':
                raise value

    def answer_base(self, kind):
        return {
            'id': 'chatcmpl-' + secrets.token_hex(12),
            'object': kind,
            'created': int(time.time()),
            'model': self.options.model_id,
        }

    # The queue

    async def watch(self):
        """Looks at the root, and ends the waiting of those who have waited long enough."""
        root_wait = self.options.root_wait_seconds
        while True:
            state = self.root.look()
            if state == 'serving':
                self.changed.set()
            now = time.monotonic()
            for generation in list(self.waiting):
                if now - generation.arrived > self.options.queue_seconds:
                    self.refuse(generation, HttpError(
                        503, 'Waited %d s in the queue.' % self.options.queue_seconds, 'queue_timeout',
                        retry_after=self.guess_wait(len(self.waiting)),
                    ))
                elif state != 'serving' and now - max(generation.arrived, self.root.since) > root_wait:
                    self.refuse(generation, self.refusal_of_root())
            await asyncio.sleep(POLL_SECONDS)

    def refuse_waiting(self, error):
        for generation in list(self.waiting):
            self.refuse(generation, error)

    def refuse(self, generation, error):
        self.waiting.remove(generation)
        generation.tell('error', error)

    async def dispatch(self):
        """Hands one request after the other to the root, while it serves."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            while self.waiting and not self.stopping.is_set() and self.root.look() == 'serving':
                self.active = self.waiting.popleft()
                try:
                    await self.hand_over(self.active)
                finally:
                    self.active = None

    async def hand_over(self, generation):
        """Takes one request through the root. Each way out leaves the root free, or marked for a restart."""
        life = self.root.inode
        try:
            root, rest = self.dial(generation.chat.payload)
        except OSError:  # it has just gone, and has seen nothing: the request keeps its place
            self.waiting.appendleft(generation)
            await asyncio.sleep(POLL_SECONDS)
            return
        generation.handed_over = time.monotonic()
        self.metrics.queue_wait.observe(generation.handed_over - generation.arrived)
        reader, writer = await asyncio.open_connection(sock=root, limit=MIB)
        if rest:
            writer.write(rest)
        outcome = 'failed'
        try:
            outcome = await self.relay(RootReply(reader), generation)
            self.unfinished = 0
        except TimeoutError:
            outcome = 'stalled'
            self.metrics.stalls += 1
            message = 'The model fell silent and is being restarted.'
            generation.tell('error', HttpError(504, message, 'root_stalled', retry_after=10))
            self.request_restart('no byte for %d s in the middle of an answer' % self.silence(generation))
        except (RootGone, ValueError, KeyError, IndexError, TypeError) as error:
            log('root: unfinished answer: %s' % error)
            message = 'The model failed in the middle of the answer.'
            generation.tell('error', HttpError(502, message, 'root_failed', retry_after=10))
            await self.count_unfinished(life)
        finally:
            writer.transport.abort() if outcome == 'stalled' else writer.close()
            self.account(generation, outcome)

    def dial(self, payload):
        """Connects and sends with nothing awaited in between: the root dies of a connection without a request.

        Returns the socket, and what the kernel did not take at once.
        """
        root = socket.socket()
        try:
            root.settimeout(DIAL_SECONDS)
            root.connect(('127.0.0.1', self.options.root_port))
            root.setblocking(False)
            return root, payload[root.send(payload) :]
        except OSError:
            root.close()
            raise

    async def relay(self, reply, generation):
        """Passes the answer on as it comes. Never waits for the client: the root would wait with it."""
        async with asyncio.timeout(self.silence(generation)):
            await reply.read_head()
        while True:
            async with asyncio.timeout(self.silence(generation)):
                piece = await reply.next_piece()
            if piece is None:
                break
            generation.add(piece)
            if generation.ended and generation.pieces >= SETTLED:
                # Closing the connection is how the root is told to stop.
                return 'abandoned' if generation.abandoned else 'complete'
        generation.complete()
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                await reply.reader.read()  # the root is free when it closes
        except (OSError, TimeoutError):
            pass
        return 'abandoned' if generation.abandoned else 'complete'

    def silence(self, generation):
        """Seconds without a byte after which the root has stalled."""
        if generation.pieces >= SETTLED:
            return self.options.stall_seconds
        return self.options.stall_seconds + PROMPT_SECONDS_PER_BYTE * generation.chat.prompt_bytes

    async def count_unfinished(self, life):
        """A root that loses a worker closes its port and starts over; one that goes on listening is wedged."""
        await asyncio.sleep(1)
        if self.root.look() == 'serving' and self.root.inode == life:
            self.unfinished += 1
            if self.unfinished >= WEDGED:
                self.unfinished = 0
                self.request_restart('%d answers in a row ended early while it went on listening' % WEDGED)
        else:
            self.unfinished = 0

    def request_restart(self, reason):
        self.metrics.restart_requests += 1
        self.root.request_restart(reason)

    def account(self, generation, outcome):
        self.metrics.generations[outcome] += 1
        self.metrics.tokens += generation.tokens
        if generation.first_token:
            self.metrics.first_token.observe(generation.first_token - generation.arrived)
        if outcome == 'complete':
            self.mean_seconds += 0.2 * (time.monotonic() - generation.handed_over - self.mean_seconds)


# ---------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message):
        log('FAILED (exit %d): %s' % (USAGE, message))
        sys.exit(USAGE)


def number(convert, smallest):
    def read(text):
        value = convert(text)
        if not smallest <= value < math.inf:
            raise argparse.ArgumentTypeError('%s is less than %s' % (text, smallest))
        return value

    read.__name__ = 'number'
    return read


def parse_options(arguments):
    parser = Parser(description='A front for dllama-api.', allow_abbrev=False)
    integer, seconds = number(int, 0), number(float, 0.1)
    add = parser.add_argument
    add('--host', default='0.0.0.0', help='address to listen on')
    add('--port', type=integer, required=True, help='the Service port; 0 lets the kernel choose')
    add('--root-port', type=number(int, 1), required=True, help='where dllama-api listens on 127.0.0.1')
    add('--workers', type=integer, required=True, help='how many workers a root that serves is connected to')
    add('--worker-port', type=number(int, 1), default=9999, help='where the workers listen')
    add('--model-id', required=True, help='the name that /v1/models and answers give')
    add('--queue', type=integer, default=32, help='requests that may wait')
    add('--queue-seconds', type=seconds, default=600, help='how long a request waits for its turn')
    add('--root-wait-seconds', type=seconds, default=30, help='how long requests wait for a root that is not up')
    add('--max-body-mib', type=number(int, 1), default=8)
    add('--max-seq-len', type=number(int, 1), required=True, help="the root's context, which bounds prompts")
    add('--stall-seconds', type=seconds, default=300,
        help='silence after which the root is restarted; 0.1 s a byte of prompt is added before the first token')
    add('--header-seconds', type=seconds, default=15, help='for a client to send its request line and headers')
    add('--body-seconds', type=seconds, default=60, help='for a client to send its body')
    add('--max-connections', type=number(int, 1), default=256)
    add('--drain-seconds', type=seconds, default=25, help='for the answer in flight at SIGTERM')
    add('--state-dir', default='/run/dllama', help='shared with dllama.sh in the container of the root')
    add('--proc-net-tcp', default='/proc/net/tcp', help='for tests')
    return parser.parse_args(arguments)


if __name__ == '__main__':
    asyncio.run(Front(parse_options(sys.argv[1:])).run())
