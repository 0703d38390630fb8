"""Unpacks many archives, each into a folder of its own, as `fetch.py archive` does once it has one.

usage: unpack_each.py RUNTIME_FOLDER <LIST, where LIST is JSON: [{folder, archive, options: [...]}]
Prints JSON: [{code, error}], of which the code of what was unpacked is 0.
"""
import json
import sys

sys.path.insert(0, sys.argv[1])

import archive  # noqa: E402
from folder import Directory  # noqa: E402
from program import Failure, Parser  # noqa: E402
from unpack import Unpacking  # noqa: E402

outcomes = []
for each in json.load(sys.stdin):
    parser = Parser()
    archive.add_arguments(parser)
    options = parser.parse_args(['--url=http://127.0.0.1/x', '--sha256=' + '0' * 64, *each['options']])
    options.progress_seconds = 10
    folder = Directory(each['folder'])
    folder.prepare()
    try:
        Unpacking(options, folder, each['archive']).run()
        outcomes.append({'code': 0, 'error': ''})
    except Failure as failure:
        outcomes.append({'code': failure.code, 'error': str(failure)})
print(json.dumps(outcomes))
