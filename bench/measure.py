#!/usr/bin/env python3
"""Runs a command and prints, as one line of JSON, what it took: `measure.py [--memory-mib=N] COMMAND ...`.

seconds, cpu (user and system seconds), peak (most resident memory, with mapped files) and anonymous (most
memory of its own), both in bytes. The anonymous peak is sampled.

With --memory-mib the command may have no more: by a control group if one can be made (version 2 or 1), where it
would be killed, else by RLIMIT_DATA; `limit` says which.
"""
import json
import os
import re
import resource
import subprocess
import sys
import time

GROUPS = [('/sys/fs/cgroup', 'memory.max'), ('/sys/fs/cgroup/memory', 'memory.limit_in_bytes')]


def make_group(limit):
    """The folder of a new control group, or None where that is not allowed."""
    for root, control in GROUPS:
        group = os.path.join(root, 'bench-%d' % os.getpid())
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            # Where nothing is mounted or the controller is not handed down, the file is not there.
            with open(os.path.join(group, control), 'r+') as f:
                f.write(str(limit))
            return group
        except OSError:
            os.rmdir(group)
    return None


def limited(limit, group):
    """What the child does before it becomes the command."""
    if group:
        with open(os.path.join(group, 'cgroup.procs'), 'w') as f:
            f.write(str(os.getpid()))
    elif limit:
        # Stacks of threads count as a whole, so they must not be larger than they need be.
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 19, 1 << 19))
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def main():
    command, limit, group = sys.argv[1:], 0, None
    if command[0].startswith('--memory-mib='):
        limit = int(command.pop(0).partition('=')[2]) << 20
        group = make_group(limit)
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=lambda: limited(limit, group))
    anonymous = 0
    while process.poll() is None:
        try:
            with open('/proc/%d/status' % process.pid) as f:
                found = re.search(r'RssAnon:\s+(\d+) kB', f.read())
            anonymous = max(anonymous, int(found[1]) * 1024 if found else 0)
        except FileNotFoundError:
            pass
        time.sleep(0.01)
    seconds = time.monotonic() - started
    if group:
        os.rmdir(group)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit('%s: exit code %d' % (command, process.returncode))
    print(json.dumps({
        'seconds': seconds,
        'cpu': usage.ru_utime + usage.ru_stime,
        'peak': usage.ru_maxrss * 1024,
        'anonymous': anonymous,
        'limit': ('control group' if group else 'RLIMIT_DATA') if limit else None,
    }))


main()
