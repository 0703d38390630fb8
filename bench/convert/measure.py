#!/usr/bin/env python3
"""Runs a command and prints, as one line of JSON, what it took: `measure.py COMMAND ...`.

seconds, cpu (user and system seconds), peak (most resident memory, with mapped files) and anonymous (most
memory of its own), both in bytes. The anonymous peak is sampled.
"""
import json
import re
import resource
import subprocess
import sys
import time

started = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
anonymous = 0
while process.poll() is None:
    try:
        with open('/proc/%d/status' % process.pid) as f:
            found = re.search(r'RssAnon:\s+(\d+) kB', f.read())
        anonymous = max(anonymous, int(found[1]) * 1024 if found else 0)
    except FileNotFoundError:
        pass
    time.sleep(0.01)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
if process.returncode:
    sys.exit('%s: exit code %d' % (sys.argv[1:], process.returncode))
print(json.dumps({
    'seconds': time.monotonic() - started,
    'cpu': usage.ru_utime + usage.ru_stime,
    'peak': usage.ru_maxrss * 1024,
    'anonymous': anonymous,
}))
