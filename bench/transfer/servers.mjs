// Starts servers, each in a process of its own, so that what they take is not counted and does not wait for others.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SERVERS = {
  hub: async (options) => (await import('./hub.mjs')).startHub(options),
  s3: async (options) => (await import('./s3.mjs')).startS3(options),
};

/** A server by its kind: `{endpoint, seen(), held(prefix), remove(prefix), stop()}`, all of them promises. */
export async function startServer(kind, options) {
  const child = fork(fileURLToPath(import.meta.url), [kind], { serialization: 'advanced' });
  const ask = (method, argument) => {
    const answered = new Promise((done, failed) => {
      child.once('message', done);
      child.once('exit', (code) => failed(new Error(`the ${kind} of the bench ended with code ${code}`)));
    });
    child.send({ method, argument });
    return answered.finally(() => child.removeAllListeners('exit'));
  };
  const endpoint = await ask('start', options);
  return {
    endpoint,
    /** What was asked for since the last call, and the CPU seconds that it took. */
    seen: () => ask('seen'),
    held: (prefix) => ask('held', prefix),
    remove: (prefix) => ask('remove', prefix),
    stop: () => {
      child.disconnect(); // which ends it, as it would if the bench died
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let server;
  let before = process.cpuUsage();
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ method, argument }) => {
    if (method === 'start') {
      server = await SERVERS[process.argv[2]](argument);
      process.send(server.endpoint);
    } else if (method === 'seen') {
      const { user, system } = process.cpuUsage(before);
      before = process.cpuUsage();
      const seen = { ...server.seen, cpu: (user + system) / 1e6 };
      for (const name of Object.keys(server.seen)) server.seen[name] = 0;
      process.send(seen);
    } else {
      process.send(server[method](argument) ?? null);
    }
  });
}
