"""The engine: carries files from a source to a place, verified on their way.

A source tells what there is, with path, size and hash of every file. Each worker owns one buffer and one
connection per server, reads one range into its buffer, waits for that file's turn, and commits it: hash, then
append to a `.part` file, or upload as part of an S3 multipart upload. Committing in order makes the size of the
`.part` file the point to resume at, and lets every byte be hashed as it passes. A file gets its name (or an
object becomes visible) once its hash matched; the marker is written last.

Memory is workers x chunk and about 15 MiB, whatever the size of the model.
"""
import collections
import fnmatch
import hashlib
import json
import re
import secrets
import threading
import time

from marker import check_path, parents
from program import CHECKSUM, Failure, MIB, NOT_FOUND, TRANSIENT, USAGE, log, readable
from web import Http, Patience, RangesIgnored


class Proof:
    """A hash that the source tells of its bytes, such as md5."""

    def __init__(self, algorithm, expected):
        self.algorithm, self.expected = algorithm, expected

    def hasher(self):
        return hashlib.new(self.algorithm, usedforsecurity=False)


class GitBlob(Proof):
    """Git's own hash, of the size and the bytes."""

    def __init__(self, size, expected):
        super().__init__('sha1', expected)
        self.size = size

    def hasher(self):
        return hashlib.sha1(b'blob %d\0' % self.size, usedforsecurity=False)


class Unproven(Proof):
    """In the place of a proof where the source tells none: its size is all that a part is checked by.

    `version` is whatever tells another state of the file from this one, such as an ETag: what is stored of another
    one is not gone on with. Without a version, nothing is gone on with.
    """

    def __init__(self, version=None):
        super().__init__(None, 'version %s' % version if version else 'unproven %s' % secrets.token_hex(16))

    def hasher(self):
        return self

    def update(self, view):
        pass

    def hexdigest(self):
        return self.expected


class Part:
    """A file of the source: where it comes from, and what its bytes must be.

    The size must be known, because the parts of a file are fetched side by side: a source whose server does not tell
    it must measure it first. The proof is a sha256, git's hash of a blob, or any other `proof`.
    """

    def __init__(self, name, size, sha256=None, blob=None, proof=None):
        known = re.fullmatch('[0-9a-f]{64}', sha256) if sha256 else proof or re.fullmatch('[0-9a-f]{40}', blob or '')
        if not isinstance(size, int) or size < 0 or not known:
            raise Failure(USAGE, 'the source gives no size or hash for %r' % name)
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.proof = Proof('sha256', sha256) if sha256 else proof or GitBlob(size, blob)
        self.start = 0  # offset in its output
        self.mismatches = 0
        self.output = None
        self.location = None  # the signed link that the service redirected to, until it expires
        self.resolving = threading.Lock()  # guards the two around it
        self.validator = None  # of an unproven part: the ETag, or the like, of the first bytes

    @property
    def expected(self):
        return self.proof.expected

    @property
    def proven(self):
        """Whether its bytes can be told from any others."""
        return bool(self.sha256 or self.proof.algorithm)

    def hasher(self):
        return self.proof.hasher()


class Output:
    """A file of the artifact (a repository file, or several joined), and how far it has come."""

    def __init__(self, path, parts):
        self.path = path
        self.parts = parts
        self.size = 0
        for part in parts:
            part.output, part.start = self, self.size
            self.size += part.size
        self.sha256 = parts[0].sha256 if len(parts) == 1 else None  # if not known before, then once it is whole
        self.proven = all(part.proven for part in parts)
        # Whatever decides the bytes, so that another revision never continues this one.
        identity = [path] + [[part.size, part.expected] for part in parts]
        self.identity = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        self.turn = threading.Condition()  # guards all below; chunks are committed in order under it
        self.generation = 0  # grows when the output starts again: what was under way is then void
        self.assigned = 0  # workers have taken all bytes before this one
        self.position = 0  # all bytes before this one are hashed (and, in a folder, written)
        self.stored = 0  # so many bytes are stored
        self.resumed = False
        self.streamer = None  # the only worker that fetches it, when ranges are ignored
        self.restarts = 0
        self.digest = None
        self.handle = None  # the sink's

    def pieces(self, offset, view):
        """The parts that fill `view`, which begins at `offset`: (part, offset in the part, slice of view)."""
        end = offset + len(view)
        for part in self.parts:
            first, last = max(offset, part.start), min(end, part.start + part.size)
            if first < last:
                yield part, first - part.start, view[first - offset:last - offset]


class Mismatch(Exception):
    def __init__(self, part):
        super().__init__('%s: the checksum does not match' % part.name)
        self.part = part


class Digest:
    """Hashes an output from its first byte on, and checks each part at the part's end."""

    def __init__(self, output):
        self.output = output
        # One part with a sha256 needs no second hash of the same bytes.
        self.total = None if output.sha256 else hashlib.sha256()
        self.running = None
        self.at = 0

    def update(self, view):
        for part, offset, piece in self.output.pieces(self.at, view):
            if offset == 0:
                self.running = part.hasher()
            self.running.update(piece)
            if self.total:
                self.total.update(piece)
            self.at += len(piece)
            if offset + len(piece) == part.size and self.running.hexdigest() != part.expected:
                raise Mismatch(part)

    def sha256(self):
        return self.output.sha256 or self.total.hexdigest()


def select(names, include, exclude):
    """As huggingface_hub does: shell patterns over the whole path, `folder/` means all below it."""

    def any_of(name, patterns):
        return any(fnmatch.fnmatchcase(name, p + '*' if p.endswith('/') else p) for p in patterns)

    return [n for n in names if (not include or any_of(n, include)) and not any_of(n, exclude)]


def shorten(names, most=40):
    return ', '.join(sorted(names)[:most]) + (' and %d more' % (len(names) - most) if len(names) > most else '')


def plan(files, include, exclude, joins):
    """The outputs that are asked for. `files` is all that the source has, by name: what Part is made of (size, sha256,
    blob, proof); `joins` is {target: [name, ...]}: names that become one file."""
    missing = [name for names in joins.values() for name in names if name not in files]
    if missing:
        raise Failure(NOT_FOUND, 'to be joined but not in the repository: %s; it has: %s'
                      % (shorten(missing), shorten(files)))
    joined = {name for names in joins.values() for name in names}
    chosen = select([name for name in files if name not in joined], include, exclude)
    if not chosen and (include or not joins):
        raise Failure(NOT_FOUND, 'no file matches include=%s exclude=%s; the repository has: %s'
                      % (include, exclude, shorten(files) or 'no file'))
    outputs = [Output(name, [Part(name, *files[name])]) for name in chosen]
    for target, names in joins.items():
        if target in chosen:
            raise Failure(USAGE, 'the file to join into, %r, is itself in the repository' % target)
        outputs.append(Output(target, [Part(name, *files[name]) for name in names]))
    return outputs


def check_paths(outputs):
    """Refuses paths that could leave the artifact's folder, or cannot be in one folder together."""
    paths = {output.path for output in outputs}
    if len(paths) < len(outputs):
        raise Failure(USAGE, 'the source has two files of one name')
    for path in paths:
        check_path(path)
        for folder in parents(path):
            if folder in paths:
                raise Failure(USAGE, '%r is both a file and a folder' % folder)


class Gone(Exception):
    """What was being written has vanished: another copy of this program has taken it over or cleaned up."""


class Transfer:
    """Workers that carry chunks of the outputs from a source (`read`) to a sink (Directory, Bucket)."""

    def __init__(self, source, sink, outputs, workers, chunk):
        self.source, self.sink, self.outputs, self.chunk = source, sink, outputs, chunk
        self.changed = threading.Condition()  # guards all below; may be taken under an output's turn, not around it
        # Not begun; the largest first, so that no worker is left alone with one at the end.
        self.waiting = collections.deque(sorted(outputs, key=lambda output: (-output.size, output.path)))
        self.ready = collections.deque()  # begun, with chunks that nobody has taken
        self.unfinished = len(outputs)
        self.failure = None
        self.ended = threading.Event()  # all is stored, or there is a failure: what run() waits for
        self.https = [Http() for _ in range(max(1, workers))]

    def run(self, every):
        """Returns when all is stored; a line of progress is logged `every` so many seconds."""
        if not self.outputs:
            return
        history = collections.deque([(time.monotonic(), 0)], maxlen=4)  # rates are those of the last 30 s
        for worker in self.https:
            threading.Thread(target=self.work, args=(worker,), daemon=True).start()
        while not self.ended.wait(max(0.1, history[-1][0] + every - time.monotonic())):
            if time.monotonic() >= history[-1][0] + every:
                self.report(history)
        if self.failure:
            raise self.failure

    def fetched(self):
        return sum(worker.received for worker in self.https)

    def report(self, history):
        now, fetched = time.monotonic(), self.fetched()
        rate = (fetched - history[0][1]) / (now - history[0][0])
        history.append((now, fetched))
        total = sum(output.size for output in self.outputs)
        done = sum(output.position for output in self.outputs)
        left = time.strftime('%Hh%Mm%Ss', time.gmtime((total - done) / rate)) if rate else 'unknown time'
        log('%5.1f%%, %s of %s, %.1f MiB/s, %s left, %d interruptions'
            % (100 * done / max(1, total), readable(done), readable(total), rate / MIB, left, Patience.interruptions))

    def work(self, http):
        try:
            buffer = None  # until there is something to fetch
            while True:
                with self.changed:
                    while not (self.ready or self.waiting) and self.unfinished:
                        self.changed.wait()
                    if not self.unfinished:
                        return
                    if self.ready:
                        output = self.ready[0]
                        offset, generation = output.assigned, output.generation
                        output.assigned = min(offset + self.chunk, output.size)
                        if output.streamer:
                            offset, output.assigned, output.streamer = output.position, output.size, http
                        if output.assigned == output.size:
                            self.ready.popleft()
                    else:
                        output, offset = self.waiting.popleft(), None
                if offset is None:
                    self.begin(output)
                else:
                    buffer = buffer or memoryview(bytearray(min(self.chunk, max(each.size for each in self.outputs))))
                    self.carry(http, output, generation, offset, buffer)
        except BaseException as error:  # the main thread ends the program with it
            with self.changed:
                self.failure = self.failure or error
                self.ended.set()

    def begin(self, output):
        """Finds out how much of the output is stored already, and offers the rest to the workers."""
        with output.turn:
            whole = self.sink.begin(output)
            output.assigned = output.stored = output.position
            output.resumed = output.position > 0
        if whole:
            output.position = output.size
            return self.finished()
        if output.position == output.size:
            return self.finish(output)
        with self.changed:
            self.ready.append(output)
            self.changed.notify_all()

    def carry(self, http, output, generation, offset, buffer):
        """Takes one chunk from the source to the sink; a whole output, chunk by chunk, if ranges are ignored."""
        while True:
            view = buffer[:min(self.chunk, output.size - offset)]
            try:
                for part, start, piece in output.pieces(offset, view):
                    self.source.read(http, part, start, piece)
                self.commit(output, generation, offset, view)
            except RangesIgnored:
                with output.turn:
                    if output.streamer:
                        return
                    output.streamer = http
                with self.changed:
                    if output in self.ready:
                        self.ready.remove(output)
                log('%s: the server ignores ranges, so it is fetched as one stream' % output.path)
            with output.turn:
                if output.streamer is not http or output.generation != generation or output.position == output.size:
                    return
                offset = output.position

    def commit(self, output, generation, offset, view):
        """Hashes and stores a chunk when its turn has come, unless it is void by then."""
        with output.turn:
            while output.generation == generation and output.position < offset:
                output.turn.wait()
            if output.generation != generation or output.position != offset:
                return
            try:
                output.digest.update(view)
            except Mismatch as mismatch:
                return self.mismatch(output, mismatch)
            self.sink.append(output, offset, view)
            handle = output.handle  # of this generation: once the turn is over, the output may begin anew
            output.position += len(view)
            output.turn.notify_all()
        try:
            self.sink.upload(output, handle, offset, view)
        except Gone:
            return self.again(output, generation)
        with output.turn:
            if output.generation != generation:
                return
            output.stored += len(view)
            last = output.stored == output.size
        if last:
            self.finish(output)

    def finish(self, output):
        generation = output.generation
        output.sha256 = output.digest.sha256()
        try:
            self.sink.finish(output)
        except Gone:
            return self.again(output, generation)
        self.finished()

    def finished(self):
        with self.changed:
            self.unfinished -= 1
            if not self.unfinished:
                self.ended.set()
                self.changed.notify_all()

    def mismatch(self, output, mismatch):
        """Drops a part whose hash is wrong and reads it once more; the second time is the last."""
        if output.resumed:
            output.resumed = False  # the bytes may have been spoilt by the crash of a former run
        else:
            mismatch.part.mismatches += 1
        if mismatch.part.mismatches > 1:
            raise Failure(CHECKSUM, '%s: the checksum is wrong twice; expected %s of %d bytes. The source or the way '
                          'to it spoils data' % (mismatch.part.name, mismatch.part.expected, mismatch.part.size))
        log('%s; reading it again' % mismatch)
        self.sink.drop(output, mismatch.part)
        self.again(output, output.generation)

    def again(self, output, generation):
        """Lets the output begin anew, from what the sink still has of it."""
        with output.turn:
            if output.generation != generation:
                return
            output.generation += 1
            output.position = 0
            output.restarts += 1
            output.turn.notify_all()
            if output.restarts > 5:
                raise Failure(TRANSIENT, '%s: began anew %d times; is another copy at work?' % (output.path, output.restarts))
        with self.changed:
            if output in self.ready:
                self.ready.remove(output)
            self.waiting.appendleft(output)
            self.changed.notify_all()


def complete(sink, key):
    """The marker, if the artifact is there and whole. Another artifact in its place is refused."""
    marker = sink.marker()
    if marker is None:
        return None
    if marker.get('key') != key:
        raise Failure(USAGE, '%s holds the artifact with key %s, not %s; give this one a folder of its own'
                      % (sink, marker.get('key'), key))
    damage = sink.damage(marker, deep=False)
    if damage:
        log('%s; storing what is missing' % damage)
        return None
    return marker


def store(options, sink, source):
    """Brings what the source has to the sink, or what is missing of it; returns the result to leave.

    `source.look(http)` tells what there is: the outputs, and what the marker says of their origin.
    """

    def bring():
        outputs, described = source.look(Http())
        check_paths(outputs)
        total = sum(output.size for output in outputs)
        present = sink.reserve(outputs)
        log('%s to %s: %d files, %s, of which %s are there to be checked'
            % (source, sink, len(outputs), readable(total), readable(present)))
        transfer = Transfer(source, sink, outputs, *buffers(options, sink, outputs))
        transfer.run(options.progress_seconds)
        files = [{'path': output.path, 'size': output.size, 'sha256': output.sha256} for output in outputs]
        return files, described, transfer.fetched()

    return once(options.key, sink, bring)


def once(key, sink, bring):
    """Has the artifact brought and publishes it, unless it is there; returns the result to leave.

    `bring()` returns what the marker says of the files, and of their origin, and how many bytes were fetched.
    """
    started = time.monotonic()
    marker, fetched = complete(sink, key), 0
    if not marker and sink.prepare():
        marker = complete(sink, key)  # another copy was at work, and may have completed it
    if marker:
        log('%s is complete already: %d files, %s' % (sink, len(marker['files']), readable(marker['bytes'])))
        sink.tidy()
    else:
        sink.retract()  # what a marker says of damaged files must not be believed from here on
        files, described, fetched = bring()
        marker = {'format': 1, **described, 'key': key, 'bytes': sum(file['size'] for file in files),
                  'files': sorted(files, key=lambda file: file['path'])}
        sink.publish(marker)
        log('complete: %d files, %s, verified; %s fetched'
            % (len(files), readable(marker['bytes']), readable(fetched)))
    return {'files': len(marker['files']), 'bytes': marker['bytes'], 'fetched': fetched, 'key': key,
            'seconds': round(time.monotonic() - started, 1)}


def buffers(options, sink, outputs):
    """(workers, chunk in bytes): what was asked for, or fewer and larger buffers where the sink takes so many parts."""
    chunk = max(options.chunk_mib * MIB, sink.smallest_chunk)
    if sink.most_parts:
        chunk = max([chunk] + [-(-output.size // sink.most_parts) for output in outputs])
    return max(1, options.workers * options.chunk_mib * MIB // chunk), chunk
