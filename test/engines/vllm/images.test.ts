import { defaultVllmImage, VLLM_VERSION } from '../../../src/engines/vllm/images';
import { VLLM_FLAGS } from '../../../src/engines/vllm/flag-table';
import { compareVersions, versionOfImage } from '../../../src/engines/vllm/version';

test.each(['cpu', 'nvidia', 'amd', 'intel', 'tpu'] as const)(
  'the image for %s tells its version',
  (device) => {
    expect(versionOfImage(defaultVllmImage(device)!)).toBe(VLLM_VERSION);
  },
);

test('there is none for what nobody publishes images for', () => {
  expect(defaultVllmImage('gaudi')).toBeUndefined();
  expect(defaultVllmImage('other')).toBeUndefined();
});

test('the table of flags covers it', () => {
  expect(compareVersions(VLLM_VERSION, VLLM_FLAGS.newest)).toBeLessThanOrEqual(0);
});
