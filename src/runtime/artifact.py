#!/usr/bin/env python3
"""Moves model files and proves that they are whole: fetch, verify, await.

One file on the standard library alone, so that any python image runs it, air-gapped, in 0.1 s.
Can be killed at any instant and run again; two copies at once do no harm.

Exit codes are an interface (a Job's podFailurePolicy reads them):
  0 complete; 64 usage, 65 checksum, 66 not found, 73 full, 77 no access are final; 75 may be retried.
"""
import errno
import json
import os
import signal
import sys
import time

USAGE, CHECKSUM, NOT_FOUND, FULL, TRANSIENT, NO_ACCESS = 64, 65, 66, 73, 75, 77

# The manifest that says an artifact is complete. Written last, by an atomic rename.
MARKER = '.artifact.json'


class Failure(Exception):
    """Ends the program with `code` and a message that a person can act on."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def log(message):
    """One line for `kubectl logs`."""
    print(time.strftime('%H:%M:%SZ ', time.gmtime()) + message, flush=True)


def leave_result(result):
    """Leaves `result` as JSON where `kubectl get pod -o jsonpath` finds it (at most 4,096 bytes)."""
    path = os.environ.get('TERMINATION_LOG', '/dev/termination-log')
    try:
        with open(path, 'w') as f:
            f.write(json.dumps(result)[:4096])
    except OSError:
        pass  # run by hand, outside a pod


def read_marker(directory):
    """The marker of a complete artifact, or None."""
    try:
        with open(os.path.join(directory, MARKER)) as f:
            return json.load(f)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def write_marker(directory, marker):
    """Publishes an artifact: after this returns, the marker and all before it survive a power cut."""
    path = os.path.join(directory, MARKER)
    temporary = '%s.%d.tmp' % (path, os.getpid())
    with open(temporary, 'w') as f:
        json.dump(marker, f, indent=1, sort_keys=True)
        f.flush()
        os.fsync(f.fileno())
    os.rename(temporary, path)
    sync_directory(directory)


def sync_directory(directory):
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def run(main):
    """Runs `main()`, which returns the result to leave, and ends the process with the right exit code."""

    def stopped(_signal, _frame):
        raise Failure(TRANSIENT, 'stopped by SIGTERM; what is on disk is kept and the next run continues')

    signal.signal(signal.SIGTERM, stopped)
    try:
        leave_result(main())
        code = 0
    except Failure as failure:
        code, message = failure.code, str(failure)
    except OSError as error:
        code = FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else TRANSIENT
        message = str(error)
    if code:
        log('FAILED (exit %d): %s' % (code, message))
        leave_result({'error': message[:3000], 'code': code, 'retryable': code == TRANSIENT})
    sys.stdout.flush()
    os._exit(code)
