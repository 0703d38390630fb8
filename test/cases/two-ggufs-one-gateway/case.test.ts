import { container, flagValues, objectsOf, ofKind, podSpec, the } from '../../support/objects';
import { twoGgufsOneGateway } from './case';

const objects = objectsOf(...twoGgufsOneGateway().charts);
const SERVERS = [
  { name: 'qwen-gguf-server', model: 'Qwen', replicas: 3 },
  { name: 'smollm2-gguf-server', model: 'SmolLM2', replicas: 1 },
];

describe.each(SERVERS)('$model', ({ name, model, replicas }) => {
  const deployment = the(objects, 'Deployment', name);

  test('has a valid name, and so many processes, each with its own file alone', () => {
    expect(the(objects, 'Service', name).metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(deployment.spec.replicas).toBe(replicas);
    const [file] = flagValues(container(deployment, 'llama-server').args, '--model');
    expect(file).toMatch(new RegExp(`/${model}\\.gguf$`));
  });

  test('is found below its own path, and sees none of it', () => {
    const [rule] = the(objects, 'HTTPRoute', name).spec.rules;
    expect(rule.matches).toEqual([{ path: { type: 'PathPrefix', value: `/${model}` } }]);
    expect(rule.filters[0].urlRewrite.path).toEqual({ type: 'ReplacePrefixMatch', replacePrefixMatch: '/' });
    expect(rule.backendRefs).toEqual([{ group: '', kind: 'Service', name, port: 8080, weight: 1 }]);
  });

  test('says that it is loading before it says that it is broken', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container(deployment, 'llama-server');
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect(probe.httpGet).toEqual({ path: '/health', port: 'http' });
    }
    expect(livenessProbe).not.toHaveProperty('initialDelaySeconds');
  });

  test('selects no pod of the other', () => {
    const { selector } = the(objects, 'Service', name).spec;
    const selected = ofKind(objects, 'Deployment').filter(({ spec }) =>
      Object.entries(selector).every(([key, value]) => spec.template.metadata.labels[key] === value),
    );
    expect(selected).toEqual([deployment]);
  });
});

test('both are behind one host of one gateway', () => {
  const routes = ofKind(objects, 'HTTPRoute').map(({ spec }) => spec);
  expect(routes).toHaveLength(2);
  for (const { hostnames, parentRefs } of routes) {
    expect(hostnames).toEqual(['models.example.com']);
    expect(parentRefs).toEqual([
      { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'inference', namespace: 'gateways' },
    ]);
  }
});

test('three replicas are spread over the nodes, and are not all evicted at once', () => {
  const budget = the(objects, 'PodDisruptionBudget');
  expect(budget.metadata.name).toBe('qwen-gguf-server');
  expect(podSpec(the(objects, 'Deployment', 'qwen-gguf-server')).topologySpreadConstraints).toHaveLength(1);
});

test('the claim that both share, and that nodes can mount at once, is there once', () => {
  const claim = the(objects, 'PersistentVolumeClaim');
  expect(claim.metadata.name).toBe('catalogue');
  expect(claim.spec.accessModes).toEqual(['ReadWriteMany']);
});
