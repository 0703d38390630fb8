#!/usr/bin/env python3
"""Asks a server that speaks the OpenAI API a question, as a client would: once for the whole answer, once as a stream.

It waits until the endpoint answers, looks for the model's name, asks, and leaves in the termination message what was
answered and how fast. A server may first wait for its model, for hours: where the name is given that is known while one
of its pods is ready, the time for the endpoint to answer begins with that. Nothing is stored, so it can be killed at any
instant and run again; two copies do no harm.

Exit codes besides those of all programs (program.py): 65 an answer that is none, or not the expected one; 66 a model or
an address that the server does not have, or no pod of it; 75 also for an answer that came too late.
"""
import json
import math
import socket
import ssl
import sys
import time

from program import (CHECKSUM, Failure, MIB, NOT_FOUND, NO_ACCESS, Parser, TRANSIENT, USAGE, interruptible, log,
                     matching, positive, run, secret)
from web import Again, Http, Patience, RETRYABLE

CHAT, COMPLETION, EMBEDDING, RERANK = 'chat', 'completion', 'embedding', 'rerank'
PATHS = {CHAT: '/chat/completions', COMPLETION: '/completions', EMBEDDING: '/embeddings', RERANK: '/rerank'}
KEY = 'SMOKE_TEST_API_KEY'

MAX_ANSWER = 16 * MIB
MAX_LINE = 1 * MIB
WAIT_STALL = 60  # seconds of silence, of a server that may still start
# Models that reason put what they think beside the answer, by one name or the other.
TEXTS = ('content', 'reasoning_content', 'reasoning')
DOCUMENTS = ['Paris is the capital of France.', 'Bread is made of flour and water.']


class Server:
    """The endpoint, and what every request to it carries."""

    def __init__(self, options):
        self.endpoint = options.endpoint.rstrip('/')
        # A file of keys has one a line; Secrets made by hand often end in a line feed.
        self.key = (secret(KEY) or '').split('\n')[0].strip()
        self.headers = {'Accept': 'application/json', 'User-Agent': 'cdk8s-llm-smoke-test/1'}
        if self.key:
            self.headers['Authorization'] = 'Bearer ' + self.key
        if options.host:
            self.headers['Host'] = options.host
        self.http = Http()

    def get(self, path):
        return self.http.open('GET', self.endpoint + path, self.headers)

    def post(self, path, question, accept='application/json'):
        headers = {**self.headers, 'Accept': accept, 'Content-Type': 'application/json'}
        response = self.http.open('POST', self.endpoint + path, headers, json.dumps(question).encode())
        if response.status != 200:
            self.refuse(response, path)
        return response

    def refuse(self, response, path):
        """Raises what an answer means that is not 200."""
        told = 'POST %s%s: %s' % (self.endpoint, path, self.told(response))
        if response.status in (401, 403):
            raise Failure(NO_ACCESS, '%s. %s' % (told, self.about_key()))
        if response.status == 404:
            raise Failure(NOT_FOUND, '%s. The server does not have the model, or not this kind of question' % told)
        if response.status in (408, 429) or response.status >= 500:
            raise Again(told)
        raise Failure(USAGE, '%s. The server refuses the question' % told)

    def told(self, response):
        """A status and the beginning of its body, which may repeat the key to us."""
        body = response.read(64 * 1024).decode(errors='replace')
        if self.key:
            body = body.replace(self.key, '***')
        body = ' '.join(body.split())[:500]
        if response.status in (301, 302, 303, 307, 308):
            body = 'it leads to %s, which is not followed' % response.headers.get('Location')
        return 'HTTP %d %s %s' % (response.status, response.reason, body)

    def about_key(self):
        if self.key:
            return 'The key in the variable %s is not one that the server takes: compare the Secrets' % KEY
        return 'The server wants an API key: give the test the Secret that holds it'


def test(options):
    began = time.monotonic()
    server = Server(options)
    server.http.stall = min(WAIT_STALL, options.stall_seconds)
    longest = (options.ready_seconds if options.pods else 0) + options.wait_seconds + options.answer_seconds
    model = within(longest, lambda: await_model(server, options))
    server.http.stall = options.stall_seconds
    waited = time.monotonic() - began
    log('%s answers after %.1f s; the model is %s' % (server.endpoint, waited, model or 'not named'))
    answers = within(options.answer_seconds, lambda: questions(server, model, options))
    result = {'model': model, 'endpoint': server.endpoint, 'api': options.api, 'waited': round(waited, 1),
              'revision': options.revision, **answers, 'seconds': round(time.monotonic() - began, 1)}
    return {name: value for name, value in result.items() if value is not None}


def within(seconds, function):
    """What `function` returns, if it does so in time: a server may send something all the time, and never end."""
    done = interruptible(lambda: (function(),), seconds)
    if done is None:
        raise Failure(TRANSIENT, 'not done after %d s: the server answers, but too slowly' % seconds)
    return done[0]


def questions(server, model, options):
    """What the result says of the answers."""
    if options.api in (CHAT, COMPLETION):
        answer, seconds = patiently('the answer', lambda: ask(server, model, options))
        check_answer(answer, options.expect)
        log('answered in %.2f s: %s' % (seconds, answer[:200]))
        stream = patiently('the stream', lambda: ask_stream(server, model, options))
        check_answer(stream.text, options.expect)
        log('streamed %d tokens in %.2f s: the first after %.2f s, then %s a second'
            % (stream.tokens, stream.seconds, stream.first, stream.rate() or 'too few to tell how many'))
        check_speed(stream.first, options)
        return dict(answer=answer[:200], answerSeconds=round(seconds, 3), tokens=stream.tokens,
                    timeToFirstToken=round(stream.first, 3), tokensPerSecond=stream.rate(),
                    streamSeconds=round(stream.seconds, 3))
    ask_once = embed if options.api == EMBEDDING else rerank
    facts, seconds = patiently('the answer', lambda: ask_once(server, model, options))
    log('answered in %.2f s: %s' % (seconds, facts))
    return dict(answerSeconds=round(seconds, 3), **facts)


def await_model(server, options):
    """Waits until the endpoint lists its models; returns the name to ask for, or None where it lists none.

    The endpoint is asked before a pod is ready, too: what stands before a server may start it when it is asked.
    """
    began = time.monotonic()
    until = None  # while no pod is ready, which may wait for its model
    unknown_until, told_at, reason = None, None, None
    while True:
        now = time.monotonic()
        if until is None and (options.pods is None or is_known(options.pods)):
            until = now + options.wait_seconds
        try:
            response = server.get('/models')
            if response.status == 200:
                return model_of(listed(response), options)
            reason = server.told(response)
            if response.status in (401, 403):
                raise Failure(NO_ACCESS, 'GET %s/models: %s. %s' % (server.endpoint, reason, server.about_key()))
            # A gateway that does not know its route yet answers 404, too.
            if response.status == 404:
                unknown_until = unknown_until or now + options.route_seconds
            if response.status == 404 and now >= unknown_until:
                if not options.model:
                    return None
                raise Failure(NOT_FOUND, 'GET %s/models: %s. The address is not that of an OpenAI API'
                              % (server.endpoint, reason))
            if 300 <= response.status < 500 and response.status not in (404, 408, 429):
                raise Failure(USAGE, 'GET %s/models: %s' % (server.endpoint, reason))
        except RETRYABLE as error:
            reason = refused(server, error)
        server.http.close()
        if until is None and now >= began + options.ready_seconds:
            raise Failure(NOT_FOUND, 'no pod of the server that is tested was ready within %d s (%s is not known). Look '
                          'at its pods, and at the Jobs that make what they wait for; then raise the attempt of the test'
                          % (options.ready_seconds, options.pods))
        if until is not None and now >= until:
            raise Failure(TRANSIENT, '%s does not answer after %d s: %s. Look at the pods of the server, and at the '
                          'NetworkPolicies between it and this pod' % (server.endpoint, options.wait_seconds, reason))
        if told_at is None or now >= told_at + 60:
            log('waiting for %s: %s' % (server.endpoint, reason))
            told_at = now
        time.sleep(min(options.every, max(0.1, (until or began + options.ready_seconds) - now)))


def is_known(name):
    """Whether the name has an address: that of a headless Service has those of the pods that are ready."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except socket.gaierror:
        return False


def refused(server, error):
    """Why a server could not be asked, in words; raises what waiting cannot cure."""
    if isinstance(error, ssl.SSLCertVerificationError):
        raise Failure(NO_ACCESS, '%s: the certificate is not trusted (%s); if it is of a private authority, set '
                      'SSL_CERT_FILE to a file that holds it' % (server.endpoint, error.verify_message))
    if isinstance(error, socket.gaierror):
        return '%s: within the cluster, the name is known while a pod behind it is ready' % error
    return str(error) or type(error).__name__


def listed(response):
    """The names in a list of models."""
    found = parsed(response)
    models = found.get('data') if isinstance(found, dict) else None
    if not isinstance(models, list):
        raise Failure(CHECKSUM, 'the answer to GET /models is no list of models: %s' % json.dumps(found)[:300])
    return [each['id'] for each in models if isinstance(each, dict) and isinstance(each.get('id'), str)]


def model_of(names, options):
    if options.model and options.model not in names:
        raise Failure(NOT_FOUND, 'the server has no model %s; it has: %s'
                      % (options.model, ', '.join(names[:20]) or 'none'))
    return options.model or (names[0] if names else None)


def parsed(response):
    body = response.read(MAX_ANSWER + 1)
    if len(body) > MAX_ANSWER:
        raise Failure(CHECKSUM, 'an answer of more than %d bytes' % MAX_ANSWER)
    if response.length:  # fewer bytes than the head announced
        raise Again('the connection was cut')
    try:
        return json.loads(body)
    except ValueError:
        raise Failure(CHECKSUM, 'an answer that is not JSON: %s' % body[:300].decode(errors='replace'))


def patiently(what, ask_it):
    patience = Patience(what)
    while True:
        try:
            return ask_it()
        except RETRYABLE as error:
            patience.wait(error)


# ---------------------------------------------------------------------------------------------------
# Questions


def asked(server, path, model, question, accept='application/json'):
    """(the answer, whose body is still to be read, and when the question was sent)"""
    server.http.close()  # a question begins with a connection of its own, as a client's does
    sent = time.monotonic()
    return server.post(path, {**({'model': model} if model else {}), **question}, accept), sent


def generation(options):
    limits = {'max_tokens': options.max_tokens, 'temperature': 0}
    if options.api == CHAT:
        return {'messages': [{'role': 'user', 'content': options.prompt}], **limits}
    return {'prompt': options.prompt, **limits}


def ask(server, model, options):
    """(the text of a whole answer, the seconds it took)"""
    response, sent = asked(server, PATHS[options.api], model, generation(options))
    found = parsed(response)
    choice = first_choice(found)
    part = choice.get('message') if options.api == CHAT else choice
    if not isinstance(part, dict):
        raise Failure(CHECKSUM, 'an answer without a message: %s' % json.dumps(found)[:300])
    return text_of(part, options.api), time.monotonic() - sent


class Stream:
    """A streamed answer: its text, and when its parts came. Times are in seconds from the question."""

    def __init__(self):
        self.text = ''
        self.pieces = 0
        self.counted = None  # tokens, by the server's own count
        self.first = None
        self.last = None
        self.seconds = None

    @property
    def tokens(self):
        return self.counted if self.counted is not None else self.pieces

    def rate(self):
        """Tokens a second after the first, or None if there are too few to tell."""
        if self.tokens < 2 or self.last <= self.first:
            return None
        return round((self.tokens - 1) / (self.last - self.first), 2)


def ask_stream(server, model, options):
    question = {**generation(options), 'stream': True, 'stream_options': {'include_usage': True}}
    response, sent = asked(server, PATHS[options.api], model, question, 'text/event-stream')
    kind = response.headers.get_content_type()
    if kind != 'text/event-stream':
        raise Failure(CHECKSUM, 'the stream is %s and not text/event-stream: the server, or a proxy before it, '
                      'does not stream' % kind)
    stream = Stream()
    for data in events(response):
        now = time.monotonic() - sent
        if data == '[DONE]':
            stream.seconds = now
            if stream.first is None:
                raise Failure(CHECKSUM, 'the stream ended without a single piece of text')
            return stream
        take(stream, data, now, options.api)
    raise Again('the stream was cut after %d pieces: it has no end ([DONE])' % stream.pieces)


def take(stream, data, now, api):
    """Adds one event to a stream."""
    try:
        event = json.loads(data)
    except ValueError:
        raise Failure(CHECKSUM, 'an event of the stream is not JSON: %s' % data[:300])
    if not isinstance(event, dict):
        raise Failure(CHECKSUM, 'an event of the stream is no object: %s' % data[:300])
    if event.get('error'):
        raise Again('the stream ended with an error: %s' % json.dumps(event['error'])[:300])
    usage = event.get('usage')
    if isinstance(usage, dict) and isinstance(usage.get('completion_tokens'), int):
        stream.counted = usage['completion_tokens']
    if not event.get('choices'):  # the event that counts
        return
    choice = first_choice(event)
    part = choice.get('delta') if api == CHAT else choice
    text = text_of(part, api) if isinstance(part, dict) else ''
    if text:
        stream.text += text
        stream.pieces += 1
        stream.first = now if stream.first is None else stream.first
        stream.last = now


def events(response):
    """The data of each server-sent event. Comments and other fields say nothing to us."""
    lines = []
    while True:
        line = response.readline(MAX_LINE)
        if not line:
            return
        line = line.decode(errors='replace').rstrip('\r\n')
        if line.startswith('data:'):
            lines.append(line[5:].removeprefix(' '))
        elif line == '' and lines:
            yield '\n'.join(lines)
            lines = []
        elif line and line.split(':')[0] not in ('', 'event', 'id', 'retry'):
            raise Failure(CHECKSUM, 'a line of the stream is none of server-sent events: %s' % line[:300])


def first_choice(answer):
    choices = answer.get('choices') if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Failure(CHECKSUM, 'an answer without choices: %s' % json.dumps(answer)[:300])
    return choices[0]


def text_of(part, api):
    names = TEXTS if api == CHAT else ('text',)
    return ''.join(part[name] for name in names if isinstance(part.get(name), str))


def check_answer(answer, expect):
    if not answer.strip():
        raise Failure(CHECKSUM, 'the answer is empty')
    if expect and expect.casefold() not in answer.casefold():
        raise Failure(CHECKSUM, 'the answer does not have the expected %r in it: %s' % (expect, answer[:500]))


def check_speed(first, options):
    if options.max_first_token_ms and first * 1000 > options.max_first_token_ms:
        raise Failure(TRANSIENT, 'the first token came after %.2f s; it should have come within %.2f s'
                      % (first, options.max_first_token_ms / 1000))


def embed(server, model, options):
    response, sent = asked(server, PATHS[EMBEDDING], model, {'input': options.prompt, 'encoding_format': 'float'})
    found = parsed(response)
    data = found.get('data') if isinstance(found, dict) else None
    vector = data[0].get('embedding') if isinstance(data, list) and data and isinstance(data[0], dict) else None
    if not isinstance(vector, list) or not vector or not all(is_number(value) for value in vector) or not any(vector):
        raise Failure(CHECKSUM, 'an answer without a vector of numbers: %s' % json.dumps(found)[:300])
    return {'dimensions': len(vector)}, time.monotonic() - sent


def rerank(server, model, options):
    response, sent = asked(server, PATHS[RERANK], model, {'query': options.prompt, 'documents': DOCUMENTS})
    found = parsed(response)
    results = found.get('results') if isinstance(found, dict) else None
    scores = {each.get('index'): each.get('relevance_score') for each in results if isinstance(each, dict)} \
        if isinstance(results, list) else {}
    if sorted(scores, key=str) != list(range(len(DOCUMENTS))) or not all(is_number(value) for value in scores.values()):
        raise Failure(CHECKSUM, 'an answer without a score for each of %d documents: %s'
                      % (len(DOCUMENTS), json.dumps(found)[:300]))
    return {'best': max(scores, key=scores.get)}, time.monotonic() - sent


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def parse(arguments):
    parser = Parser(prog='smoke_test.py', description=__doc__, allow_abbrev=False)
    parser.add_argument('--endpoint', required=True, type=matching('https?://[^/]+.*', 'an http(s) address'),
                        help='of the API, with its /v1')
    parser.add_argument('--host', help='by which a proxy before the server knows it')
    parser.add_argument('--pods', help='a name that is known while a pod of the server is ready: '
                        'until it is, --wait-seconds does not begin')
    parser.add_argument('--ready-seconds', type=positive, default=86400, help='for the first pod to be ready')
    parser.add_argument('--api', choices=sorted(PATHS), default=CHAT)
    parser.add_argument('--model', help='the name that the server must have; else the first that it has')
    parser.add_argument('--prompt', default='What is the capital of France? Answer in one word.')
    parser.add_argument('--expect', help='what the answer must contain, in upper or lower case')
    parser.add_argument('--max-tokens', type=positive, default=256)
    parser.add_argument('--max-first-token-ms', type=positive)
    parser.add_argument('--wait-seconds', type=positive, default=1800, help='for the endpoint to answer at all')
    parser.add_argument('--route-seconds', type=positive, default=120, help='for it to be known (404 until then)')
    parser.add_argument('--stall-seconds', type=positive, default=300, help='a silence longer than this ends a request')
    parser.add_argument('--answer-seconds', type=positive, default=900, help='for all answers together')
    parser.add_argument('--attempts', type=positive, default=3, help='questions without an answer before giving up')
    parser.add_argument('--every', type=positive, default=5, help='seconds')
    parser.add_argument('--revision', help='of the server: another one is tested anew')
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    Http.stall, Patience.attempts = options.stall_seconds, options.attempts
    return test(options)


if __name__ == '__main__':
    run(main)
