import * as zlib from 'node:zlib';
import { argument, container, objectsOf, ofKind, podSpec, the, Untyped } from '../../support/objects';
import { vllmFromACheckout } from './case';
import { changedCheckout, packCheckout } from './checkout';

const checkout = changedCheckout();
const objects = objectsOf(...vllmFromACheckout({}, checkout).charts);
const job = the(objects, 'Job', /-latency-/);
const server = the(objects, 'Deployment');
const PODS = [job, server];

test('what is committed, staged, new and deleted is packed alike', () => {
  expect(checkout.changedFiles).toEqual(['vllm/__init__.py', 'vllm/added/new.py', 'vllm/engine.py']);
  expect(checkout.deletedFiles).toEqual(['vllm/old.py']);
});

test('the image is the one that was built of the commit before the changes', () => {
  const image = `public.ecr.aws/q9t5s3a7/vllm-ci-postmerge-repo:${checkout.baseCommit}`;
  for (const pods of PODS) {
    for (const name of ['apply-checkout', 'vllm']) expect(container(pods, name).image).toBe(image);
  }
});

test('the changes are in ConfigMaps that none can alter, and the pods know their hash', () => {
  const maps = ofKind(objects, 'ConfigMap').filter((each) => 'binaryData' in each) as Untyped[];
  expect(maps.length).toBeGreaterThan(0);
  for (const map of maps) {
    expect(map.immutable).toBe(true);
    const packed = Buffer.concat(
      Object.values(map.binaryData as Record<string, string>).map((part) => Buffer.from(part, 'base64')),
    );
    expect(zlib.gunzipSync(packed).toString('latin1')).toContain('ENGINE = "mine"');
  }
  for (const pods of PODS) {
    const mounted = podSpec(pods).volumes.flatMap((volume: Untyped) => volume.configMap?.name ?? []);
    expect(maps.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(mounted.filter((name: string) => name.includes('checkout'))),
    );
    expect(container(pods, 'apply-checkout').args.join(' ')).toContain(checkout.sha256);
  }
});

test('the program starts in the folder of the checkout, which it can only read, and which Python looks into first', () => {
  for (const pods of PODS) {
    const program = container(pods, 'vllm');
    expect(program.workingDir).toBe('/checkout/vllm');
    expect(program.env).toContainEqual({ name: 'PYTHONPATH', value: '/checkout/vllm' });
    const mount = program.volumeMounts.find(({ mountPath }: Untyped) => mountPath.startsWith('/checkout'));
    expect(mount.readOnly).toBe(true);
  }
});

test('a run that has failed is not tried again, and ends after its time', () => {
  expect(job.spec).toMatchObject({ backoffLimit: 0, activeDeadlineSeconds: 1800 });
  expect(container(job, 'vllm').command).toEqual([
    'vllm',
    'bench',
    'latency',
    '--model=$(MODEL_DIR)',
    '--num-iters=10',
  ]);
});

test('both wait for the model, and would rather run on a node', () => {
  for (const pods of PODS) {
    expect(argument(container(pods, 'await-model'), 'key')).toHaveLength(1);
    const [{ preference }] =
      podSpec(pods).affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(JSON.stringify(preference)).toContain('worker-1');
  }
});

test('the same changes are the same YAML', () => {
  expect(objectsOf(...vllmFromACheckout({}, packCheckout()).charts)).toEqual(objects);
});
