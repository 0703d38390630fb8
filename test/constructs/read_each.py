"""Gives command lines to programs as their containers do, each in a process of its own, which is forked so that
Python starts once.

usage: read_each.py HOW <LIST, where LIST is JSON: [{program, args}]
  HOW   parsed: until the command line is read, and no further
        opened: reads it with all checks, and opens the place that it names, so that all is there that is imported for it
Prints JSON: [{status, output}].
"""
import argparse
import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback


def parsed(program, args):
    parse = argparse.ArgumentParser.parse_args

    def stop(*given, **more):
        parse(*given, **more)
        sys.stdout.flush()
        os._exit(0)

    argparse.ArgumentParser.parse_args = stop
    sys.argv = [program, *args]
    runpy.run_path(program, run_name='__main__')


def opened(program, args):
    options = importlib.import_module(os.path.basename(program)[:-3]).parse(args)
    importlib.import_module('place').work(options, str)


def status_of(read, program, args):
    sys.path.insert(0, os.path.dirname(program))
    try:
        read(program, args)
        return 0
    except SystemExit as end:
        return end.code
    except BaseException:
        traceback.print_exc()
        return 1


def reading(read, program, args):
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            status = status_of(read, program, args)
            sys.stdout.flush()
            os._exit(status)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return {'status': os.waitstatus_to_exitcode(status), 'output': output.read().decode()}


how = {'parsed': parsed, 'opened': opened}[sys.argv[1]]
print(json.dumps([reading(how, each['program'], each['args']) for each in json.load(sys.stdin)]))
