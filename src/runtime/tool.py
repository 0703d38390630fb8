"""Runs a program of somebody else within a pod: its lines go into the log, and it never outlives ours."""
import collections
import subprocess

from program import log

# Of a program that failed: its error is in them.
LAST_LINES = 6

# Counts of the container's cgroup: `oom` grows each time its own memory limit was reached for good.
MEMORY_EVENTS = '/sys/fs/cgroup/memory.events'

# How a program ended: its exit code, less than 0 for a signal; what it said last; whether the container's memory
# limit was reached meanwhile.
Ended = collections.namedtuple('Ended', 'code last out_of_memory')


def run_tool(words, folder, environment):
    """Runs a command line in a folder, without a shell, and returns how it ended."""
    last = collections.deque(maxlen=LAST_LINES)
    reached_before = limit_reached()
    tool = subprocess.Popen(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, encoding='utf-8', errors='replace')
    try:
        for line in tool.stdout:
            if line.strip():
                last.append(line.strip())
                log(line)
        tool.wait()
    finally:  # SIGTERM ends it too
        tool.kill()
        tool.wait()
        tool.stdout.close()
    return Ended(tool.returncode, list(last), limit_reached() > reached_before)


def limit_reached():
    """How often the memory limit of this container was reached for good."""
    try:
        with open(MEMORY_EVENTS, encoding='ascii') as f:
            return int(dict(line.split() for line in f).get('oom', 0))
    except OSError:
        return 0  # no cgroup of version 2
