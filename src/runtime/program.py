"""What all programs of a pod share: exit codes, log, result, and how they end.

Exit codes are an interface (a Job's podFailurePolicy reads them):
  0 complete; 64 usage, 65 checksum, 66 not found, 73 full, 77 no access are final; 75 may be retried.
"""
import argparse
import errno
import json
import os
import re
import signal
import sys
import threading
import time

USAGE, CHECKSUM, NOT_FOUND, FULL, TRANSIENT, NO_ACCESS = 64, 65, 66, 73, 75, 77

MIB = 1 << 20


class Failure(Exception):
    """Ends the program with `code` and a message that a person can act on."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def log(message):
    """One line for `kubectl logs`."""
    print(time.strftime('%H:%M:%SZ ', time.gmtime()) + ' '.join(str(message).split()), flush=True)


def leave_result(result):
    """Leaves `result` as JSON where `kubectl get pod -o jsonpath` finds it (at most 4,096 bytes)."""
    path = os.environ.get('TERMINATION_LOG', '/dev/termination-log')
    try:
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(result, f, ensure_ascii=False)
    except OSError:
        pass  # run by hand, outside a pod


def run(main):
    """Runs `main()`, which returns the result to leave, and ends the process with the right exit code."""

    def stopped(_signal, _frame):
        raise Failure(TRANSIENT, 'stopped by SIGTERM; what is stored is kept and the next run continues')

    signal.signal(signal.SIGTERM, stopped)
    code = 0
    try:
        leave_result(main())
    except Failure as failure:
        code, message = failure.code, str(failure)
    except OSError as error:
        code, message = os_error_code(error), str(error)
    except Exception as error:
        import traceback  # which takes longer to load than all else here
        traceback.print_exc()
        code, message = TRANSIENT, 'a defect of this program, or no memory left: %r' % error
    if code:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        log('FAILED (exit %d): %s' % (code, message))
        short = message.encode()[:3000].decode(errors='ignore')
        leave_result({'error': short, 'code': code, 'retryable': code == TRANSIENT})
    sys.stdout.flush()
    os._exit(code)


def os_error_code(error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return FULL
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NO_ACCESS
    return TRANSIENT


def interruptible(function, limit=None):
    """Runs `function` on a thread, so that SIGTERM is heard even while it hangs in a C call such as DNS.

    After `limit` seconds the thread is left to itself and None is returned.
    """
    outcome = {}

    def target():
        try:
            outcome['result'] = function()
        except BaseException as error:  # handed to the caller below
            outcome['error'] = error

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(limit)
    if 'error' in outcome:
        raise outcome['error']
    return outcome.get('result')


def secret(name):
    """An environment variable, or None; Secrets made by hand often end in a line feed."""
    return os.environ.get(name, '').strip() or None


def readable(size):
    for unit in ('bytes', 'KiB', 'MiB'):
        if size < 1024:
            return '%d bytes' % size if unit == 'bytes' else '%.1f %s' % (size, unit)
        size /= 1024
    return '%.2f GiB' % size


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(USAGE, '%s: %s' % (self.prog, message))


def matching(pattern, what):
    def check(text):
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError('%r is not %s' % (text, what))
        return text

    return check


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError('%r is not a whole number above 0' % text)
    return int(text)
