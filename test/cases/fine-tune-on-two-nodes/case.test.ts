import { argument, container, flagValues, objectsOf, podSpec, the, Untyped } from '../../support/objects';
import { fineTuneOnTwoNodes } from './case';

const objects = objectsOf(...fineTuneOnTwoNodes().charts);
const training = the(objects, 'Job', /-style-/);
const trainer = container(training, 'train');
const server = the(objects, 'Deployment');
const env = Object.fromEntries(
  trainer.env.map(({ name, value, valueFrom }: Untyped) => [name, value ?? valueFrom]),
) as Record<string, Untyped>;

test('two pods train together, a process for each device', () => {
  expect(training.spec).toMatchObject({ completionMode: 'Indexed', completions: 2, parallelism: 2 });
  expect(trainer.resources.limits).toMatchObject({ 'nvidia.com/gpu': '4' });
  expect(trainer.args).toEqual(expect.arrayContaining(['torchrun', '--nnodes=2', '--nproc_per_node=4']));
});

test('they meet at the first of them, by a name that is there before it is ready, and that no retry changes', () => {
  const service = the(objects, 'Service', /-style-nodes$/);
  expect(service.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
  expect(podSpec(training).subdomain).toBe(service.metadata.name);
  expect(trainer.args).toContain('--rdzv_endpoint=$(MASTER_ADDR):$(MASTER_PORT)');
  expect(env.MASTER_ADDR).toBe(`$(JOB_NAME)-0.${service.metadata.name}.llm.svc`);
  const names = trainer.env.map(({ name }: Untyped) => name as string);
  expect(names.indexOf('JOB_NAME')).toBeLessThan(names.indexOf('MASTER_ADDR'));
});

test('while it trains, the two reach each other, and neither anybody else', () => {
  const { spec } = the(objects, 'NetworkPolicy', /-style-train$/);
  const [dns, group, ...others] = spec.egress;
  expect(dns.ports.map(({ port }: Untyped) => port)).toEqual([53, 53]);
  expect(group.to).toEqual([{ podSelector: spec.podSelector }]);
  expect(others).toEqual([]);
  expect(spec.ingress).toEqual([{ from: group.to }]);
  expect(env).toMatchObject({ HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1' });
});

test('a pod that is preempted counts as no failure, and the next goes on at a checkpoint that was finished', () => {
  expect(training.spec.podFailurePolicy.rules).toContainEqual({
    action: 'Ignore',
    onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
  });
  expect(podSpec(training).terminationGracePeriodSeconds).toBe(600);
  expect(argument(trainer, 'checkpoints')).toEqual(['checkpoint-*']);
  expect(argument(trainer, 'whole')).toEqual(['trainer_state.json']);
  expect(argument(trainer, 'resume')).toEqual(['--resume_from_checkpoint={}']);
});

test('checkpoints are in the claim, which outlives the pods, and not in what readers take for the adapter', () => {
  const { mountPath } = trainer.volumeMounts.find(
    ({ readOnly, name }: Untyped) => name === 'models' && !readOnly,
  );
  expect(podSpec(training).volumes).toContainEqual({
    name: 'models',
    persistentVolumeClaim: { claimName: the(objects, 'PersistentVolumeClaim').metadata.name },
  });
  const [folder] = argument(trainer, 'dir');
  expect(folder.startsWith(`${mountPath}/`)).toBe(true);
  expect(env.OUTPUT_DIR).toBe(`${folder}/.artifact.parts/work`);
});

test('vLLM waits for both, and has the adapter under its own name, with a rank that it allows', () => {
  const [key] = argument(trainer, 'key');
  const guard = container(server, 'await-model');
  expect(argument(guard, 'key')).toEqual([expect.any(String), key]);
  const [base, adapter] = argument(guard, 'dir');
  const { args } = container(server, 'vllm');
  expect(args[0]).toBe(base);
  expect(flagValues(args, '--lora-modules')).toEqual([`style=${adapter}`]);
  expect(flagValues(args, '--max-lora-rank')).toEqual(['32']);
  expect(trainer.args).toContain('--lora_r=32');
});

test('another learning rate is another adapter, from the same downloads', () => {
  const others = objectsOf(...fineTuneOnTwoNodes({}, 2e-4).charts);
  const jobs = (of: typeof objects, name: RegExp) => the(of, 'Job', name).metadata.name;
  expect(jobs(others, /-base-/)).toBe(jobs(objects, /-base-/));
  expect(jobs(others, /-conversations-/)).toBe(jobs(objects, /-conversations-/));
  expect(jobs(others, /-style-/)).not.toBe(jobs(objects, /-style-/));
  expect(the(others, 'Deployment').spec.template).not.toEqual(server.spec.template);
});
