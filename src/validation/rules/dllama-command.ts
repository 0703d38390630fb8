import { checkImageVersion } from '../../engines/dllama/version';
import { DLLAMA_FLAGS } from '../../engines/dllama/flags';
import { quantity } from '../quantity';
import { Report, Rule } from '../rule';
import { nearest, quote } from '../suggest';
import { DllamaProcess, dllamaProcesses, flagValues } from './dllama-process';

/** How a distributed-llama process is started, and with what. Its parser takes mistakes without a word. */

const dllamaArguments: Rule = {
  id: 'dllama-arguments',
  of: 'distributed-llama',
  why:
    'The parser drops an odd last item, reads one string as one worker and knows no ' +
    '--flag=value: the process starts, as something else.',
  pod: (pod, report) => {
    for (const process of dllamaProcesses(pod)) {
      checkItems(process, report);
      if (process.role === 'worker') continue;
      for (const flag of ['--model', '--tokenizer'])
        demandFlag(process, flag, 'without it the process ends at once', report);
    }
  },
};

const dllamaDefaults: Rule = {
  id: 'dllama-defaults',
  of: 'distributed-llama',
  style: true,
  why: 'What it does by itself is seldom what was meant: the full context, f32, one port for all.',
  pod: (pod, report) => {
    for (const process of dllamaProcesses(pod)) {
      const demand = (flag: string, why: string) => demandFlag(process, flag, why, report);
      demand('--port', 'the default, 9990, is the same for root and workers: name it');
      demand('--nthreads', 'name the threads, as many as the container has CPUs');
      if (process.role === 'worker') continue;
      demand('--buffer-float-type', 'the default, f32, cannot run q40 weights; name q80');
      demand(
        '--max-seq-len',
        "the default is the model's full context: 40 GiB for 8B parameters instead of 7",
      );
    }
  },
};

function demandFlag(process: DllamaProcess, flag: string, why: string, report: Report): void {
  // Of --flag=value it is said already that it is not understood.
  if (flagValues(process.args, flag)?.length || process.args.some((arg) => arg.startsWith(`${flag}=`)))
    return;
  report(process.pod.entry, process.field, `has no ${flag} with a value; ${why}`);
}

function checkItems(process: DllamaProcess, report: Report): void {
  const { pod, field, args } = process;
  const items = args[0] === 'worker' || args[0] === 'inference' ? args.slice(1) : args;
  for (const item of items.filter((given) => given.startsWith('--'))) {
    const problem = flagProblem(item, args);
    if (problem !== undefined) report(pod.entry, field, problem);
  }
  checkWorkerList(process, report);
}

function flagProblem(item: string, args: readonly string[]): string | undefined {
  if (item.includes('=')) {
    const [name, value] = item.split('=');
    return `has ${quote(item)}, which is not understood; give two items: ${quote(name)}, ${quote(value)}`;
  }
  const flag = DLLAMA_FLAGS.find(({ name }) => name === item);
  if (!flag) {
    const names = DLLAMA_FLAGS.map(({ name }) => name);
    const meant = nearest(item, names);
    const hint = meant === undefined ? `allowed are ${names.join(', ')}` : `did you mean ${meant}?`;
    return `has ${quote(item)}, which distributed-llama does not know; ${hint}`;
  }
  const values = flagValues(args, item) ?? [];
  if (values.length === 0)
    return `has ${item} without a value, and drops it without a word; give it ${flag.value}`;
  if (item === '--max-seq-len' && values[0] === '0')
    return `has ${item} "0", the full context; name a length`;
  if (values.every((value) => flag.pattern.test(value))) return undefined;
  return `has ${item} ${values.map(quote).join(' ')}; its value is ${flag.value}`;
}

function checkWorkerList({ pod, field, args }: DllamaProcess, report: Report): void {
  const workers = flagValues(args, '--workers');
  if (!workers) return;
  for (const worker of workers) {
    if (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:\d+$/.test(worker)) continue;
    const many = /[\s,]/.test(worker)
      ? 'only the first would be used: give each worker as an item of its own'
      : 'it must be host:port, with an IPv4 address or a name';
    report(pod.entry, field, `has ${quote(worker)} among --workers; ${many}`);
  }
  if (new Set(workers).size < workers.length) {
    report(pod.entry, field, 'names a worker twice; the root would wait for ever for the second');
  }
}

const dllamaThreads: Rule = {
  id: 'dllama-threads',
  of: 'distributed-llama',
  style: true,
  why: 'Its threads spin: with fewer CPUs than threads it is 60 times slower.',
  pod: (pod, report) => {
    for (const { args, field, at } of dllamaProcesses(pod)) {
      const threads = flagValues(args, '--nthreads')?.[0];
      if (threads === undefined) continue;
      if (!/^[1-9]\d*$/.test(threads)) {
        report(pod.entry, field, `has --nthreads ${quote(threads)}; it must be a whole number above 0`);
        continue;
      }
      for (const list of ['requests', 'limits'] as const) {
        const cpu = at.container.resources?.[list]?.cpu;
        if (cpu === undefined || quantity(cpu) === Number(threads)) continue;
        report(
          pod.entry,
          `${at.field}.resources.${list}.cpu`,
          `is ${quote(cpu)}; it must be ${threads}, as many as --nthreads, as request and as limit`,
        );
      }
    }
  },
};

const dllamaMemory: Rule = {
  id: 'dllama-memory',
  of: 'distributed-llama',
  style: true,
  why: 'What it needs is known, and all of it is used from the start.',
  pod: (pod, report) => {
    for (const { at } of dllamaProcesses(pod)) {
      const request = at.container.resources?.requests?.memory;
      const limit = at.container.resources?.limits?.memory;
      if (request === undefined || limit === undefined || quantity(request) === quantity(limit)) continue;
      report(
        pod.entry,
        `${at.field}.resources.requests.memory`,
        `is ${quote(request)}; it must be the limit, ${quote(limit)}`,
      );
    }
  },
};

const dllamaImage: Rule = {
  id: 'dllama-image',
  of: 'distributed-llama',
  style: true,
  why: 'Older versions hang for ever when a worker is lost, and cannot listen on 127.0.0.1.',
  pod: (pod, report) => {
    for (const { at } of dllamaProcesses(pod)) {
      const problem = checkImageVersion(at.container.image ?? '');
      if (problem !== undefined) report(pod.entry, `${at.field}.image`, problem.replace(/^image /, 'is '));
    }
  },
};

const dllamaTerminal: Rule = {
  id: 'dllama-tty',
  of: 'distributed-llama',
  style: true,
  why: 'Without a terminal its output stays in a buffer that is lost with the process.',
  pod: (pod, report) => {
    for (const { at } of dllamaProcesses(pod)) {
      if (at.container.tty === true) continue;
      report(
        pod.entry,
        `${at.field}.tty`,
        `is ${quote(at.container.tty)}; it must be true, or kubectl logs shows nothing`,
      );
    }
  },
};

const dllamaFirstProcess: Rule = {
  id: 'dllama-process-1',
  of: 'distributed-llama',
  style: true,
  why:
    'As process 1 it ignores SIGTERM; and a worker ends whenever its root goes while ' +
    'loading, which must not count as a crash.',
  pod: (pod, report) => {
    for (const { at, role, isFirst } of dllamaProcesses(pod)) {
      if (!isFirst) continue;
      if (role === 'worker') {
        report(
          pod.entry,
          `${at.field}.command`,
          'starts the worker as process 1; start it by a script that starts it again when ' +
            'it ends and passes SIGTERM on',
        );
      } else if (!pod.spec.shareProcessNamespace) {
        report(
          pod.entry,
          `${at.field}.command`,
          'starts the root as process 1, which ignores SIGTERM; start it by a script that passes SIGTERM on',
        );
      }
    }
  },
};

export const DLLAMA_COMMAND_RULES: readonly Rule[] = [
  dllamaArguments,
  dllamaDefaults,
  dllamaThreads,
  dllamaMemory,
  dllamaImage,
  dllamaTerminal,
  dllamaFirstProcess,
];
