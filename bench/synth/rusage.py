"""Runs a command and prints what it took as JSON: CPU seconds, wall seconds, peak memory in bytes.

usage: rusage.py CPU_SECONDS COMMAND...    the command is ended when it has used that much CPU
"""

import json
import os
import resource
import signal
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
ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
print(
    json.dumps(
        {
            "cpu": usage.ru_utime + usage.ru_stime,
            "wall": time.monotonic() - start,
            "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "overLimit": ended_by in (signal.SIGXCPU, signal.SIGKILL) and usage.ru_utime + usage.ru_stime >= limit - 1,
            "failed": status != 0,
        }
    )
)
