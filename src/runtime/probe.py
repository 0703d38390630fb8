"""How large a file is that no listing tells: what a server answers to who asks for its first bytes."""
import re


def told_size(response):
    """The size of the whole file, or None where the answer does not tell it."""
    if response.status == 200:
        return response.length
    if response.status == 206:
        found = re.fullmatch(r'bytes 0-\d+/(\d+)', response.headers.get('Content-Range', ''))
        return int(found[1]) if found else None
    if response.status == 416:  # there are no first bytes
        return 0 if response.headers.get('Content-Range') == 'bytes */0' else None
    return None
