"""Runs dllama_upstream.py with the checksums of a test's own scripts: patched.py PROGRAMS PATCHES ARGUMENTS...

PROGRAMS is the folder of the programs, PATCHES a JSON object of "module.NAME" or "module.Class.NAME" to a value.
"""
import json
import sys

sys.path.insert(0, sys.argv.pop(1))

import dllama_upstream
import program
import tool
import web

for name, value in json.loads(sys.argv.pop(1)).items():
    owner = {'web': web, 'tool': tool, 'dllama_upstream': dllama_upstream}[name.split('.')[0]]
    for part in name.split('.')[1:-1]:
        owner = getattr(owner, part)
    assert hasattr(owner, name.split('.')[-1]), name
    setattr(owner, name.split('.')[-1], value)

program.run(dllama_upstream.main)
