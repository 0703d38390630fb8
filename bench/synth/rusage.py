"""Runs a command and prints what it took as JSON: CPU seconds, wall seconds, peak memory in bytes.

usage: rusage.py CPU_SECONDS COMMAND...    the command is ended when it has used that much CPU
"""

import json
import os
import resource
import subprocess
import sys
import time

limit = int(sys.argv[1])
start = time.monotonic()
child = subprocess.Popen(
    sys.argv[2:],
    stdout=subprocess.DEVNULL,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)),
)
_, status, usage = os.wait4(child.pid, 0)
cpu = usage.ru_utime + usage.ru_stime
print(
    json.dumps(
        {
            "cpu": cpu,
            "wall": time.monotonic() - start,
            "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            # The kernel counts in ticks, and ends it up to a second early by the clock that wait4 reads; a command that
            # runs another one may end by itself when that is ended.
            "overLimit": status != 0 and cpu >= 0.97 * limit,
            "failed": status != 0,
        }
    )
)
