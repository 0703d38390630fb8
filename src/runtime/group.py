"""Holds the processes of a model together that is on several nodes: if one of them ends, all start anew.

The processes of such a group find each other once, at their start. One that is started anew later is a stranger to the
others, which would wait for the lost one for ever and still answer their probes. So this program starts the server's
process in each pod and keeps a connection between the pods beside it. When a pod is lost, the others end their process
and themselves, Kubernetes starts their containers again, and the group meets anew.

The leader runs its process at once, and listens. A worker starts its process when the leader has let it in. Both say
that they are there every few seconds. A worker that is told to end (a node is drained, a new version comes) tells the
leader first, which lets its own process end the requests that are under way, and stays until that is done.

  group.py leader --port PORT --size NODES --id ID -- COMMAND...
  group.py worker --leader HOST --port PORT --rank RANK --id ID -- COMMAND...

The id tells groups of two versions apart while one takes the place of the other. It ends as the process does; with 75
when the group is lost, and with 64 when the process cannot be started.
"""
import argparse
import asyncio
import errno
import os
import signal
import sys

from program import TRANSIENT, USAGE, Failure, Parser, log
from wrapper import parse_with_command

BEAT_SECONDS = 5
SILENCE_SECONDS = 60  # a node that is busy, or a network that has a bad moment, is not lost
JOIN_SECONDS = 10  # for a connection to say who it is
RETRY_SECONDS = 2
STOP_SECONDS = 20  # for a process whose group is lost: there is nothing left that it could do

BEAT, LEAVING, WELCOME, STRANGER = b'beat\n', b'leaving\n', b'welcome\n', b'stranger\n'


class Lost(Exception):
    """The group is no more. The message says why."""


class Pod:
    """The server's process of this pod, and the end of it."""

    def __init__(self, command, beat=BEAT_SECONDS, silence=SILENCE_SECONDS):
        self.command = command
        self.beat = beat
        self.silence = silence
        self.process = None
        self.draining = False
        self.asked_to_end = asyncio.Event()
        self.lost = asyncio.get_running_loop().create_future()

    async def start(self):
        try:
            self.process = await asyncio.create_subprocess_exec(*self.command)
        except OSError as error:
            final = error.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC)
            raise Failure(
                USAGE if final else TRANSIENT,
                f"cannot start '{self.command[0]}' ({error.strerror}): the image must have it in its PATH, as a program "
                f'that user {os.getuid()} may run',
            ) from None
        if self.draining:
            self.drain()

    def lose(self, reason):
        if not self.lost.done():
            self.lost.set_result(reason)

    def drain(self):
        """Lets the process end by itself, in the time that it takes."""
        self.draining = True
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()

    async def ended(self):
        """Waits for the end of the process, or of the group; returns the exit code of this program."""
        end = asyncio.ensure_future(self.process.wait())
        await asyncio.wait([end, self.lost], return_when=asyncio.FIRST_COMPLETED)
        if end.done():
            code = end.result()
            return 128 - code if code < 0 else code
        log(f'the group starts anew: {self.lost.result()}')
        self.drain()
        try:
            await asyncio.wait_for(end, STOP_SECONDS)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()
        return TRANSIENT

    async def keep(self, reader, writer, name, told):
        """Keeps a connection until it is lost.

        `told` is called with each word of the other side that is no beat.
        """
        beating = asyncio.ensure_future(self.send_beats(writer))
        try:
            while True:
                try:
                    line = await asyncio.wait_for(reader.readline(), self.silence)
                except asyncio.TimeoutError:
                    raise Lost(f'{name} has been silent for {self.silence} s') from None
                except (OSError, ValueError) as error:
                    raise Lost(f'{name} is gone ({error})') from None
                if not line:
                    raise Lost(f'{name} is gone')
                if line != BEAT:
                    told(line)
        finally:
            beating.cancel()
            writer.close()

    async def send_beats(self, writer):
        try:
            while True:
                writer.write(BEAT)
                await writer.drain()
                await asyncio.sleep(self.beat)
        except OSError:
            pass  # whoever reads from it hears of it too


async def lead(options):
    """The leader: its process runs at once, and ends with the first worker that is lost."""
    pod = Pod(options.command, options.beat, options.silence)
    members = set()

    async def meet(reader, writer):
        rank = await admitted(reader, writer)
        if rank is None:
            writer.close()
            return
        if rank in members:
            pod.lose(f'worker {rank} was started anew')
            writer.close()
            return
        members.add(rank)
        log(f'worker {rank} has joined: {len(members) + 1} of {options.size} nodes')
        writer.write(WELCOME)
        try:
            await pod.keep(reader, writer, f'worker {rank}', lambda line: leaving(rank, line))
        except Lost as reason:
            pod.lose(str(reason))

    async def admitted(reader, writer):
        """The rank of a worker of this group; None for anybody else."""
        try:
            line = await asyncio.wait_for(reader.readline(), JOIN_SECONDS)
        except (asyncio.TimeoutError, OSError, ValueError):
            return None
        words = line.decode('ascii', 'replace').split()
        if len(words) != 3 or words[0] != 'join' or not words[2].isdigit():
            return None
        if words[1] != options.id or not 1 <= int(words[2]) < options.size:
            log(f'worker {words[2]} of another version waits')
            writer.write(STRANGER)
            return None
        return int(words[2])

    def leaving(rank, line):
        if line == LEAVING:
            log(f'worker {rank} is to end: ending the requests that are under way')
            pod.drain()

    meetings = set()

    def connected(reader, writer):
        meeting = asyncio.ensure_future(meet(reader, writer))
        meetings.add(meeting)
        meeting.add_done_callback(meetings.discard)

    server = await asyncio.start_server(connected, None, options.port)
    on_signals(pod.drain)
    try:
        await pod.start()
        return await pod.ended()
    finally:
        server.close()
        await stop(meetings)


async def work(options):
    """A worker: its process runs while the leader is there."""
    pod = Pod(options.command, options.beat, options.silence)
    on_signals(pod.asked_to_end.set)
    joining = asyncio.ensure_future(join(options))
    asked = asyncio.ensure_future(pod.asked_to_end.wait())
    await asyncio.wait([joining, asked], return_when=asyncio.FIRST_COMPLETED)
    if not joining.done():
        joining.cancel()
        return 0
    reader, writer = joining.result()
    log('let in by the leader')

    async def stay():
        try:
            await pod.keep(reader, writer, 'the leader', lambda line: None)
        except Lost as reason:
            pod.lose(str(reason))

    async def leave():
        await asked
        log('telling the leader that this worker is to end')
        try:
            writer.write(LEAVING)
            await writer.drain()
        except OSError:
            pass  # the leader is gone already

    await pod.start()
    kept = [asyncio.ensure_future(stay()), asyncio.ensure_future(leave())]
    try:
        return await pod.ended()
    finally:
        await stop(kept)
        writer.close()


async def join(options):
    """A connection to the leader that has let this worker in."""
    said = None
    while True:
        reader = writer = None
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(options.leader, options.port), JOIN_SECONDS
            )
            writer.write(f'join {options.id} {options.rank}\n'.encode())
            answer = await asyncio.wait_for(reader.readline(), JOIN_SECONDS)
            if answer == WELCOME:
                return reader, writer
            reason = 'it is of another version' if answer == STRANGER else 'it is ending'
        except asyncio.TimeoutError:
            reason = 'it does not answer'
        except (OSError, ValueError) as error:
            reason = str(error)
        if writer is not None:
            writer.close()
        if reason != said:
            log(f'waiting for the leader {options.leader}: {reason}')
            said = reason
        await asyncio.sleep(RETRY_SECONDS)


async def stop(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def on_signals(call):
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, call)


def parse(arguments):
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--port', type=int, required=True)
    common.add_argument('--id', required=True)
    common.add_argument('--beat', type=float, default=BEAT_SECONDS)
    common.add_argument('--silence', type=float, default=SILENCE_SECONDS)
    parser = Parser(prog='group.py')
    roles = parser.add_subparsers(dest='role', required=True)
    leader = roles.add_parser('leader', parents=[common])
    leader.add_argument('--size', type=int, required=True)
    worker = roles.add_parser('worker', parents=[common])
    worker.add_argument('--leader', required=True)
    worker.add_argument('--rank', type=int, required=True)
    return parse_with_command(parser, arguments, 'the server')


def main():
    try:
        options = parse(sys.argv[1:])
        return asyncio.run(lead(options) if options.role == 'leader' else work(options))
    except Failure as failure:
        log(f'FAILED (exit {failure.code}): {failure}')
        return failure.code


if __name__ == '__main__':
    sys.exit(main())
