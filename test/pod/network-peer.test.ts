import { NetworkPeer } from '../../src';

const LONGEST = 'a'.repeat(63);

test.each<[string, NetworkPeer, object]>([
  ['its own namespace', NetworkPeer.sameNamespace(), { podSelector: {} }],
  ['pods', NetworkPeer.pods({ app: 'gateway' }), { podSelector: { matchLabels: { app: 'gateway' } } }],
  [
    'a namespace',
    NetworkPeer.namespace('team-1'),
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'team-1' } } },
  ],
  [
    'pods of a namespace',
    NetworkPeer.podsOfNamespace('ingress', { 'app.kubernetes.io/name': 'gateway' }),
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'gateway' } },
    },
  ],
  ['addresses', NetworkPeer.addresses('10.0.0.0/8'), { ipBlock: { cidr: '10.0.0.0/8' } }],
])('%s', (_, peer, written) => {
  expect(peer._peer).toEqual(written);
});

test.each(['0.0.0.0/0', '192.0.2.7/32', '::/0', 'fd00::/8', '2001:db8::1/128', '::ffff:192.0.2.1/96'])(
  '%s are addresses',
  (cidr) => {
    expect(NetworkPeer.addresses(cidr)._peer).toEqual({ ipBlock: { cidr } });
  },
);

test.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.256/8',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0.0/ 8',
  'fd00::/129',
  'fd00::1::/64',
  'fe80::1%eth0/64',
  'example.com/8',
  '/8',
  '',
])('%j are no addresses', (cidr) => {
  expect(() => NetworkPeer.addresses(cidr)).toThrow(
    `NetworkPeer.addresses: 'cidr' is '${cidr}'; allowed: an IPv4 or IPv6 address, '/' and the number of its ` +
      "leading bits that count. A single address has all of them: '192.0.2.7/32'.",
  );
});

test.each(['Team', 'team_1', '-team', 'team-', 'a.b', `${LONGEST}a`, ''])('%j is no namespace', (name) => {
  expect(() => NetworkPeer.namespace(name)).toThrow(
    `NetworkPeer.namespace: 'name' is '${name}'; allowed: the`,
  );
  expect(() => NetworkPeer.podsOfNamespace(name, { app: 'a' })).toThrow(
    `NetworkPeer.podsOfNamespace: 'name' is '${name}'; allowed: the name of a namespace`,
  );
});

test('a namespace of 63 characters is one, and none at all is not', () => {
  expect(NetworkPeer.namespace(LONGEST)._peer).toBeDefined();
  expect(() => NetworkPeer.namespace(undefined as never)).toThrow("'name' is nothing");
});

test.each<[Record<string, string>]>([
  [{ app: '' }],
  [{ app: LONGEST }],
  [{ [LONGEST]: 'a' }],
  [{ 'example.com/App_1.x': 'A_b-c.9' }],
  [{ [`${'a'.repeat(253)}/app`]: 'a' }],
])('%j are labels', (labels) => {
  expect(NetworkPeer.pods(labels)._peer).toEqual({ podSelector: { matchLabels: labels } });
});

test.each<[string, unknown, string]>([
  ['a value with a space', { app: 'a b' }, "'labels.app' is 'a b'; allowed: a string: at most 63 letters"],
  ['a value too long', { app: `${LONGEST}a` }, `'labels.app' is '${LONGEST}a'`],
  ['a value that ends in a dash', { app: 'a-' }, "'labels.app' is 'a-'"],
  ['a value that is no string', { app: true }, "'labels.app' is true"],
  ['a key with a space', { 'a b': 'a' }, "'key in labels' is 'a b'; allowed: at most 63 letters"],
  ['a key too long', { [`${LONGEST}a`]: 'a' }, `'key in labels' is '${LONGEST}a'`],
  ['a key without a name', { 'example.com/': 'a' }, "'key in labels' is 'example.com/'"],
  ['a key without a domain', { '/app': 'a' }, "'key in labels' is '/app'"],
  ['a key with two domains', { 'a/b/c': 'a' }, "'key in labels' is 'a/b/c'"],
  ['a key with an upper-case domain', { 'Example.com/app': 'a' }, "'key in labels' is 'Example.com/app'"],
  ['a key with a domain too long', { [`${'a'.repeat(254)}/b`]: 'a' }, "'key in labels' is 'aaaa"],
  ['no labels, which would be all pods', {}, "'labels' is {}; allowed: one label or more. All pods of a"],
  ['nothing', undefined, "'labels' is nothing; allowed: one label or more"],
])('pods are not told by %s', (_, labels, message) => {
  expect(() => NetworkPeer.pods(labels as never)).toThrow(`NetworkPeer.pods: ${message}`);
  expect(() => NetworkPeer.podsOfNamespace('a', labels as never)).toThrow(
    `NetworkPeer.podsOfNamespace: ${message}`,
  );
});
