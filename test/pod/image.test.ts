import { App, Chart } from 'cdk8s';
import { Mirror } from '../../src/mirror/mirror';
import { checkImage, PYTHON_IMAGE } from '../../src/pod/image';

const DIGEST = `@sha256:${'a'.repeat(64)}`;

function chart(mirror?: Mirror): Chart {
  const app = new App();
  mirror?.applyTo(app);
  return new Chart(app, 'models');
}

test.each(['python:3.13', `python${DIGEST}`, `registry.example.com:5000/a/b:1.0${DIGEST}`, PYTHON_IMAGE])(
  '%s is pinned, and stays as it is without a mirror',
  (image) => expect(checkImage(chart(), 'image', image)).toBe(image),
);

test.each([
  'python',
  'python:latest',
  'registry.example.com:5000/python',
  'python@sha256:12',
  'a b:1',
  '',
  undefined,
])('%j is not pinned', (image) =>
  expect(() => checkImage(chart(), 'front.image', image)).toThrow(
    /^models: 'front\.image' is .*; allowed: an image pinned by a tag other than 'latest'/,
  ),
);

test('with a mirror it is pulled from there', () => {
  const mirrored = chart(new Mirror({ registries: { 'docker.io': 'registry.corp.test/hub' } }));
  expect(checkImage(mirrored, 'image', PYTHON_IMAGE)).toBe(
    PYTHON_IMAGE.replace('docker.io/', 'registry.corp.test/hub/'),
  );
  expect(checkImage(mirrored, 'image', 'python:3.13')).toBe('registry.corp.test/hub/library/python:3.13');
});
