import { spawnSync } from 'node:child_process';
import { connectedTo, hexPort, listening, listeningOrServing } from '../../../src/engines/dllama/proc';

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const LISTEN =
  '   0: 00000000:270F 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 4711 1 0';
const SERVING =
  '   1: 0A01020A:270F 0B01020A:D431 01 00000000:00000000 00:00000000 00000000 65532        0 4712 1 0';
const CLOSING =
  '   2: 0A01020A:270F 0B01020A:D432 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0';
const DIALLED =
  '   3: 0B01020A:D431 0A01020A:270F 01 00000000:00000000 00:00000000 00000000 65532        0 4713 1 0';

/** What `grep -cE` prints, as a probe calls it. */
function count(pattern: string, lines: string[]): number {
  const { stdout } = spawnSync('grep', ['-cE', pattern], {
    input: [HEADER, ...lines, ''].join('\n'),
    encoding: 'utf8',
  });
  return Number(stdout);
}

test.each([
  [9999, '270F'],
  [9990, '2706'],
  [80, '0050'],
])('%i is %s', (port, hex) => {
  expect(hexPort(port)).toBe(hex);
});

test('a worker is ready when it listens and when it serves', () => {
  expect(count(listeningOrServing(9999), [LISTEN])).toBe(1);
  expect(count(listeningOrServing(9999), [SERVING])).toBe(1);
  expect(count(listeningOrServing(9999), [CLOSING, DIALLED])).toBe(0);
  expect(count(listeningOrServing(9990), [LISTEN, SERVING])).toBe(0);
});

test('a server listens on its port alone', () => {
  expect(count(listening(9999), [LISTEN, SERVING, CLOSING, DIALLED])).toBe(1);
  expect(count(listening(9990), [LISTEN])).toBe(0);
});

test('the root counts the connections that it made', () => {
  expect(count(connectedTo(9999), [DIALLED, DIALLED])).toBe(2);
  expect(count(connectedTo(9999), [LISTEN, SERVING, CLOSING])).toBe(0);
});
