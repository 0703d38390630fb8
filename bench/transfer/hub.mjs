// A Hugging Face Hub and its CDN, fast enough not to be what is measured: bodies are written from memory.
// Run by servers.mjs in a process of its own.
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { gzipSync } from 'node:zlib';
import { drained } from './drained.mjs';
import { COMMIT, contentOf, MIB } from './files.mjs';

const PAGE = 1000;

/**
 * @param sets - `{name: [file]}`, each file with its `hash`; a set is the repository `bench/NAME`
 * @param tls - `{key, cert}`, or nothing
 * @param pace - of each answer of the CDN: `{firstByte}` milliseconds until it, `{rate}` bytes a second
 */
export async function startHub({ sets, tls, pace }) {
  const seen = { api: 0, resolve: 0, cached: 0, cdn: 0, bytes: 0 };
  const serve = (handler) => (tls ? secure(tls, handler) : plain(handler)).listen(0, '127.0.0.1');
  const cdn = serve((request, response) => {
    seen.cdn++;
    const [, set, index] = /^\/blob\/([^/]+)\/(\d+)\?/.exec(request.url);
    send(request, response, sets[set][Number(index)], {}, seen, pace);
  });
  const hub = serve((request, response) => answer(request, response));
  const scheme = tls ? 'https' : 'http';
  await Promise.all([cdn, hub].map((server) => new Promise((done) => server.once('listening', done))));
  // Clients tell the two apart by their names.
  const cdnAddress = `${scheme}://localhost:${cdn.address().port}`;

  function answer(request, response) {
    const url = new URL(request.url, 'http://hub');
    const path = decodeURIComponent(url.pathname);
    const api = /^\/api\/models\/bench\/([^/]+)(?:\/(revision|tree)\/[^/]+)?$/.exec(path);
    if (api) {
      seen.api++;
      const files = sets[api[1]];
      return api[2] === 'tree' ? tree(response, files, url, request) : info(response, api[1], files);
    }
    const found =
      /^\/(?:api\/resolve-cache\/models\/)?bench\/([^/]+)\/(?:resolve\/)?(?:[0-9a-f]{40}|main)\/(.+)$/.exec(
        path,
      );
    const index = found ? indexOf(sets[found[1]], found[2]) : -1;
    if (index < 0) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound', 'Content-Length': 0 }).end();
      return;
    }
    const file = sets[found[1]][index];
    const headers = { 'X-Repo-Commit': COMMIT, ETag: `"${file.hash}"` };
    if (path.startsWith('/api/')) {
      seen.cached++;
      send(request, response, file, headers, seen);
      return;
    }
    seen.resolve++;
    const location = file.lfs
      ? `${cdnAddress}/blob/${found[1]}/${index}?X-Amz-Signature=${file.hash}&Expires=4102444800`
      : `/api/resolve-cache/models/bench/${found[1]}/${COMMIT}/${encodeURI(file.path)}`;
    const linked = file.lfs ? { 'X-Linked-Size': file.size, 'X-Linked-Etag': `"${file.hash}"` } : {};
    response
      .writeHead(file.lfs ? 302 : 307, { ...headers, ...linked, Location: location, 'Content-Length': 0 })
      .end();
  }

  return {
    endpoint: `${scheme}://127.0.0.1:${hub.address().port}`,
    seen,
    stop: () => [hub, cdn].forEach((server) => (server.close(), server.closeAllConnections())),
  };
}

const indexes = new Map();

function indexOf(files, path) {
  if (!indexes.has(files)) indexes.set(files, new Map(files.map((file, index) => [file.path, index])));
  return indexes.get(files).get(path) ?? -1;
}

function info(response, name, files) {
  json(response, {
    _id: '0123456789abcdef01234567',
    ...{ id: `bench/${name}`, modelId: `bench/${name}`, sha: COMMIT },
    ...{ private: false, gated: false, disabled: false, tags: [], downloads: 0, likes: 0 },
    cardData: { license: 'apache-2.0' },
    siblings: files.map((file) => ({ rfilename: file.path })),
  });
}

function tree(response, files, url, request) {
  const first = Number(url.searchParams.get('cursor') ?? 0);
  if (first + PAGE < files.length) {
    url.searchParams.set('cursor', String(first + PAGE));
    const origin = `${request.socket.encrypted ? 'https' : 'http'}://${request.headers.host}`;
    response.setHeader('Link', `<${origin}${url.pathname}${url.search}>; rel="next"`);
  }
  const entries = files.slice(first, first + PAGE).map(({ path, size, lfs, hash }) => ({
    ...{ type: 'file', path, size, oid: lfs ? 'e'.repeat(40) : hash },
    ...(lfs ? { lfs: { oid: hash, size, pointerSize: 134 } } : {}),
  }));
  json(response, entries);
}

function json(response, value) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}

async function send(request, response, file, headers, seen, pace) {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, file.size) : file.size;
  const head = request.method === 'HEAD';
  if (!range && !file.lfs && /gzip/.test(request.headers['accept-encoding'])) {
    // The Hub compresses small files as it sends them, so that it cannot tell their length.
    const body = head ? undefined : gzipSync(Buffer.concat([...contentOf(file)]), { level: 1 });
    response.writeHead(200, { ...headers, 'Content-Encoding': 'gzip' }).end(body);
    if (!head) seen.bytes += file.size;
    return;
  }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    ...(range ? { 'Content-Range': `bytes ${start}-${end - 1}/${file.size}` } : {}),
    ...{ ETag: `"${file.hash}"`, 'Accept-Ranges': 'bytes', 'Content-Length': end - start },
  });
  if (!head) {
    seen.bytes += end - start;
    const started = Date.now() + (pace?.firstByte ?? 0);
    let sent = 0;
    for (const slice of contentOf(file, start, end, pace ? MIB / 4 : undefined)) {
      // Its last byte leaves when a line of this rate would have carried it.
      sent += slice.length;
      if (pace) await until(started + (1000 * sent) / pace.rate);
      if (response.destroyed) return;
      if (!response.write(slice)) await drained(response);
    }
  }
  response.end();
}

const until = (time) => new Promise((done) => setTimeout(done, time - Date.now()));
