#!/usr/bin/env python3
"""Converts a Hugging Face model for distributed-llama with the scripts of its own repository.

The scripts are fetched by their tag and run only when their sha256 is the known one. They need the packages of
requirements-upstream.txt. All that dllama_convert.py refuses is refused here too, and so is what these scripts
would spoil without saying so, or fail at after hours. What they wrote is published only when its size, its header
and its tokenizer are what the input asks for.

Can be killed at any instant and run again; a second copy waits for the first. Exit codes as in program.py:
  0 complete; 64 refused or failed for good, 65 damaged input, script or output, 66 no such script, 73 full,
  77 no access are final; 75 may be retried.
"""
import errno
import hashlib
import importlib.util
import os
import re
import signal
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dllama_convert
import program
import web
from dllama_convert import read_json, refuse
from program import Failure, log
from tool import run_tool

MODEL_SCRIPT, TOKENIZER_SCRIPT = 'convert-hf.py', 'convert-tokenizer-hf.py'

# What was taken from the repository at each tag. From v0.16.2 to v0.16.4 the converter did not change.
SCRIPTS_OF_0_16_2 = {
    MODEL_SCRIPT: 'c767cb7f62f2ac563e616b8ad2d761d3356a5983b3542b4b02bcd8c6f9d842b8',
    'writer.py': '69baf280734878084b3653e598decbf07a9cd03417b368328824cfce2e66a2ea',
    TOKENIZER_SCRIPT: '0a3c968ab3a1b45823426cb061a6567b42996dfc222170a88d7f9b22f3c282c5',
    'tokenizer-writer.py': 'a449bbaa909732b4dcef25574ff64bcf2ba3eb87f9118f334fdbafb77956d630',
}
SCRIPTS = {version: SCRIPTS_OF_0_16_2 for version in ('v0.16.2', 'v0.16.3', 'v0.16.4')}

# What the scripts import.
PACKAGES = ('numpy', 'torch', 'safetensors', 'sentencepiece', 'transformers')

MAX_SCRIPT_BYTES = 1 << 20
MAX_REDIRECTS = 5

ADVICE = 'use DllamaConverter.streaming(), which reads it'


# ---------------------------------------------------------------------------------------------------------
# What upstream alone cannot convert


def refuse_what_upstream_spoils(args, work):
    check_packages()
    check_config(args.input, work)
    check_tokenizer(args.input)
    check_shards(args.input, work)


def check_packages():
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        refuse('%s missing in this image: let the Job install the packages (requirements-upstream.txt), or name an '
               'image that has them' % (' and '.join(missing) + (' is' if len(missing) == 1 else ' are')))


def check_config(folder, work):
    config = read_json(folder, 'config.json')
    scaling = config.get('rope_scaling')
    header = dict(work.model.header)
    for name, kept in (('rope_theta', 12 in header), ('rope_scaling', 18 in header)):
        if kept and config.get(name) is None:
            refuse('config.json keeps %s in rope_parameters, as transformers 5 writes it; upstream would take the '
                   'default in silence: %s' % (name, ADVICE))
    if scaling is not None and scaling.get('rope_type') != 'llama3':
        refuse('config.json: rope_scaling is %r; upstream knows null and rope_type llama3 only: %s' % (scaling, ADVICE))
    if work.model.experts and config.get('num_experts') is None:
        refuse('config.json calls num_experts num_local_experts, as transformers 5 writes it: %s' % ADVICE)
    for name in ('num_key_value_heads', 'bos_token_id', 'eos_token_id'):
        if config.get(name) is None:
            refuse('config.json has no %s, where alone upstream looks for it: %s' % (name, ADVICE))


def check_tokenizer(folder):
    config = read_json(folder, 'tokenizer_config.json')
    known = dllama_convert.TOKENIZER_CLASSES[:3]
    if config['tokenizer_class'] not in known:
        refuse('tokenizer_config.json: tokenizer_class is %s; upstream knows %s (transformers 5 writes other names than '
               '4): %s' % (config['tokenizer_class'], ', '.join(known), ADVICE))
    if not config.get('chat_template') or not isinstance(config['chat_template'], str):
        refuse('tokenizer_config.json has no single chat_template; newer versions of transformers keep it in '
               'chat_template.jinja, where upstream does not look, and dllama-api ends without one: %s' % ADVICE)
    if 'backend' in config and 'add_bos_token' not in config:
        refuse('tokenizer_config.json has no add_bos_token, as transformers 5 writes it; upstream would begin every '
               'text with the bos token: %s' % ADVICE)


def check_shards(folder, work):
    """Refuses shards in which upstream would not find a tensor, or would take another one for it.

    It looks into the files that it has opened (the last one among them) and otherwise into the one after the file
    at hand. For lm_head it takes the embeddings when it has seen them and not lm_head.
    """
    files = [os.path.join(folder, name) for name in dllama_convert.weight_files(folder)[0]]
    names = {path: set() for path in files}
    for item, tensor in work.pairs:
        names[tensor.path].add(item.name)
    seen = dict.fromkeys(names[files[-1]], len(files) - 1)
    at = 0
    for position, (item, _) in enumerate(work.pairs):
        head = position == len(work.pairs) - 1
        wanted = ('lm_head.weight', 'model.embed_tokens.weight') if head else (item.name,)
        if position:
            at = next((seen[name] for name in wanted if name in seen), at + 1)
        opened = names[files[at]] if at < len(files) else set()
        seen.update(dict.fromkeys(opened, at))
        if next((name for name in wanted if name in opened), None) != item.name:
            refuse('upstream does not find the tensor %s: it reads shards only when their tensors are in the order of '
                   'the model: %s' % (item.name, ADVICE.replace('reads it', 'reads any order')))


# ---------------------------------------------------------------------------------------------------------
# The scripts


def fetch_scripts(version, base, folder):
    """Puts the scripts of the tag into the folder, each with the known checksum."""
    http = web.Http()
    for name, expected in SCRIPTS[version].items():
        url = '%s/%s' % (base.replace('{version}', version).rstrip('/'), name)
        data = fetch(http, url)
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise Failure(program.CHECKSUM, '%s has the sha256 %s, that of distributed-llama %s is %s: not run. Either '
                          'the server sends something else, or the tag was moved' % (url, found, version, expected))
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    http.close()
    log('fetched %d scripts of distributed-llama %s, checksums are right' % (len(SCRIPTS[version]), version))


def fetch(http, url):
    """The whole answer; tries again what may pass."""
    patience = web.Patience(url)
    while True:
        try:
            return fetch_once(http, url)
        except web.RETRYABLE as error:
            http.close()
            patience.wait(error)


def fetch_once(http, url):
    at = url
    for _ in range(MAX_REDIRECTS):
        response = http.open('GET', at, {})
        location = response.headers.get('Location')
        if response.status not in (301, 302, 303, 307, 308) or not location:
            break
        response.read(MAX_SCRIPT_BYTES)
        at = urllib.parse.urljoin(at, location)
    web.overloaded(response)
    if response.status in (401, 403, 407):
        raise Failure(program.NO_ACCESS, '%s: HTTP %d %s' % (at, response.status, response.reason))
    if response.status != 200:
        raise Failure(program.NOT_FOUND, '%s: HTTP %d %s: check --scripts-url' % (at, response.status, response.reason))
    data = response.read(MAX_SCRIPT_BYTES + 1)
    if len(data) > MAX_SCRIPT_BYTES:
        raise Failure(program.CHECKSUM, '%s is longer than any script of distributed-llama' % at)
    if response.length:  # of the announced bytes, those that did not come
        raise web.Again('the connection was cut')
    return data


def run_script(name, arguments, folder, threads):
    """Runs a script in the folder that it lies in and passes its lines on. Raises a Failure when it fails."""
    environment = {
        **os.environ, 'HOME': folder, 'TMPDIR': folder, 'HF_HUB_OFFLINE': '1', 'TOKENIZERS_PARALLELISM': 'false',
        'OMP_NUM_THREADS': str(threads), 'PYTHONUTF8': '1', 'PYTHONDONTWRITEBYTECODE': '1',
    }
    ended = run_tool([sys.executable, '-u', os.path.join(folder, name), *arguments], folder, environment)
    if ended.code:
        raise failure_of(name, *ended)


def failure_of(name, code, last, out_of_memory):
    """What the end of a script means: final unless it is of a kind that passes."""
    said = 'upstream\'s %s ' % name
    told = '; its last lines: ' + ' / '.join(last) if last else ', without a word'
    if code < 0:
        said += 'was ended by %s' % signal.Signals(-code).name
        if out_of_memory:
            return Failure(program.USAGE, said + ', out of memory: raise the memory of the conversion (it needs 145 MiB '
                           'and 25 bytes for each of vocabulary x hidden size weights)' + told)
        if code == -signal.SIGKILL:
            said += ' (perhaps the node is short of memory)'
        return Failure(program.TRANSIENT, said + told)
    said += 'failed (exit %d)' % code + told
    number = re.search(r'\[Errno (\d+)\]', ' '.join(last))
    if number:
        return Failure(program.os_error_code(OSError(int(number[1]), '')), said)
    if os.strerror(errno.ENOSPC) in ' '.join(last):
        return Failure(program.FULL, said)
    return Failure(program.USAGE, said)


# ---------------------------------------------------------------------------------------------------------
# Its output


def write_files(args, work, built):
    """Has upstream write both files; returns their entries in the marker."""
    source, built = os.path.abspath(args.input), os.path.abspath(built)  # for scripts that run in another folder
    program.interruptible(lambda: fetch_scripts(args.version, args.scripts_url, built))
    # The tokenizer first: it takes seconds, and what is wrong with it should not show after the long work.
    run_script(TOKENIZER_SCRIPT, [source, args.name], built, args.threads)
    tokenizer = entry_of(os.path.join(built, work.tokenizer_name), len(work.tokenizer), work.tokenizer)
    run_script(MODEL_SCRIPT, [source, args.weights, args.name], built, args.threads)
    model = entry_of(os.path.join(built, work.model_name), dllama_convert.model_bytes(work.model),
                     dllama_convert.model_header(work.model))
    return [model, tokenizer]


def entry_of(path, size, beginning):
    """The entry of a file that must have this size and begin with these bytes. It survives a power cut."""
    name = os.path.basename(path)

    def wrong(what):
        raise Failure(program.CHECKSUM, 'upstream wrote %s: nothing is published. The scripts do not read this model '
                      'as transformers does: use DllamaConverter.streaming()' % what)

    if not os.path.exists(path):
        wrong('no %s, though it reported success' % name)
    with open(path, 'rb') as f:
        found = os.fstat(f.fileno()).st_size
        if found != size:
            wrong('%d bytes of %s, by the formula it has %d' % (found, name, size))
        if f.read(len(beginning)) != beginning:
            wrong('a %s that does not say what the input says' % name)
        os.fsync(f.fileno())
        f.seek(0)
        return {'path': name, 'size': size, 'sha256': hashlib.file_digest(f, 'sha256').hexdigest()}


# ---------------------------------------------------------------------------------------------------------


def main():
    parser = dllama_convert.command_line(__doc__.splitlines()[0])
    parser.add_argument('--version', required=True, help='tag of distributed-llama: ' + ', '.join(SCRIPTS))
    parser.add_argument('--scripts-url', required=True,
                        help='folder of the scripts at distributed-llama or a mirror; {version} stands for the tag')
    args = parser.parse_args()
    if args.version not in SCRIPTS:
        refuse('--version %s: checksums are known of %s' % (args.version, ', '.join(SCRIPTS)))
    if not re.fullmatch(r'https?://[^\s/@]+(/[^\s@]*)?', args.scripts_url):
        refuse('--scripts-url is not http(s)://host[:port][/path] without credentials')
    return dllama_convert.convert(args, 'upstream/' + args.version, write_files, refuse_what_upstream_spoils)


if __name__ == '__main__':
    program.run(main)
