import * as fs from 'node:fs';
import * as path from 'node:path';
import { FineTunePreset, TrlMethod } from '../../../src';
import { markerOf } from '../artifact/program';
import { FineTuneStand } from './stand';

/** transformers and TRL are not here: what stands for them calls the trainer's double. */
const PACKAGES = { PYTHONPATH: path.join(__dirname, 'packages') };

const preset = (args: string[] = []) => FineTunePreset.trl({ method: TrlMethod.SFT, args });

test('the script of TRL trains with our arguments', async () => {
  const stand = new FineTuneStand({ preset: preset(), hyperparameters: { learning_rate: 2e-5 } });
  const { code, log } = await stand.run(PACKAGES);
  expect([code, log]).toEqual([0, expect.any(String)]);
  expect(markerOf(stand.output)).toMatchObject({ source: { trainer: 'trl-sft' } });
});

test('a run that was killed goes on at its checkpoint, though the script passes none', async () => {
  const stand = new FineTuneStand({ preset: preset() });
  stand.fault({ kill: true, at: 2 });
  expect((await stand.run(PACKAGES)).code).toBe(75);
  stand.fault({});
  expect((await stand.run(PACKAGES)).code).toBe(0);
  expect(stand.calls()[1].args).toEqual([`--resume=${path.join(stand.work, 'checkpoint-1')}`]);
});

test('an argument that nothing takes is refused, and not dropped: 64', async () => {
  const stand = new FineTuneStand({ preset: preset(['--learning_speed=1']) });
  const { code, result, log } = await stand.run(PACKAGES);
  expect([code, result.error]).toEqual([64, expect.stringContaining('does not take its arguments')]);
  expect(log).toContain('--learning_speed=1');
  expect(fs.existsSync(path.join(stand.output, '.artifact.json'))).toBe(false);
});
