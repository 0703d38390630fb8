"""Runs as a server's preStop hook: ends when no request is under way any more, and at the latest when its time is up.

For servers that SIGTERM ends in the midst of a request, and whose metrics say how many requests there are.

  drain.py PORT SECONDS METRIC...

The metrics are gauges of requests; those of all engines and models of the server are added up. As long as the server does
not answer, or has none of them, nobody knows of requests, and it waits.
"""
import http.client
import re
import sys
import time
import urllib.request

SETTLE_SECONDS = 5  # endpoints and proxies need a moment to learn that the pod is going, and send requests until then
ROUND_SECONDS = 1
ANSWER_SECONDS = 5  # a busy server answers late
MAX_ANSWER = 16 * 1024 * 1024

SAMPLE = re.compile(r'([\w:]+)(?:\{.*\})? +(\S+)')  # name{labels} value

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def requests_in(text, metrics):
    """The sum of gauges of Prometheus' text format, or None where there are none of them."""
    samples = filter(None, map(SAMPLE.match, text.splitlines()))
    values = [float(sample[2]) for sample in samples if sample[1] in metrics]
    return sum(values) if values else None


def under_way(port, metrics, seconds):
    """How many requests there are, or None where the server does not tell."""
    try:
        with direct.open(f'http://127.0.0.1:{port}/metrics', timeout=seconds) as answer:
            return requests_in(answer.read(MAX_ANSWER).decode('utf-8', 'replace'), metrics)
    except (OSError, ValueError, http.client.HTTPException):
        return None


def drain(port, seconds, metrics, sleep=time.sleep, now=time.monotonic):
    sleep(SETTLE_SECONDS)
    end = now() + seconds
    while (left := end - now()) > 0:
        if under_way(port, metrics, min(ANSWER_SECONDS, left)) == 0:
            return
        sleep(ROUND_SECONDS)


if __name__ == '__main__':
    drain(int(sys.argv[1]), int(sys.argv[2]), frozenset(sys.argv[3:]))
