// Makes sure that a Python with numpy is there for the tests of the conversion program: one that is installed,
// or a virtual environment with the packages that the Job installs, or, as root on Debian, the system's package.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const venv = join(root, '.venv');
const candidates = [process.env.PYTHON_NUMPY, join(venv, 'bin/python'), 'python3', '/usr/bin/python3'].filter(
  Boolean,
);

const attempts = [
  () => undefined,
  () => {
    console.log('installing numpy, pinned by hash, into .venv');
    const requirements = join(root, 'src/runtime/requirements-numpy.txt');
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--retries=1',
      '--timeout=15',
    ];
    return (
      run('python3', ['-m', 'venv', venv]) &&
      run(join(venv, 'bin/python'), [
        ...pip,
        '--require-hashes',
        '--only-binary=:all:',
        '--no-deps',
        '-r',
        requirements,
      ])
    );
  },
  () => {
    if (process.getuid?.() !== 0) return false;
    console.log('installing the system package python3-numpy');
    return run('apt-get', ['update', '-q']) && run('apt-get', ['install', '-qy', 'python3-numpy']);
  },
];

for (const attempt of attempts) {
  attempt();
  if (candidates.some(hasNumpy)) process.exit(0);
}
console.error(
  'The tests of the conversion program need a Python 3.11 or newer with numpy, and none could be installed.\n' +
    'Install numpy for python3, or name an interpreter that has it in the environment variable PYTHON_NUMPY.',
);
process.exit(1);

function hasNumpy(python) {
  return run(python, ['-c', 'import sys, numpy; assert sys.version_info >= (3, 11)'], 'ignore');
}

function run(command, args, stdio = ['ignore', 'ignore', 'inherit']) {
  return spawnSync(command, args, { stdio }).status === 0;
}
