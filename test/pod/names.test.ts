import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { PhasedApp } from '../../src';
import { baseName, dnsLabel, phaseOf, pipelineName } from '../../src/pod/names';
import { objectsOf, ofKind, plainChart, violationsOf } from '../support/objects';
import { cache, conversion, topology } from '../support/models';

const RFC_1035 = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

describe('a name', () => {
  test.each([
    [['qwen', 'weights'], 'qwen-weights'],
    [['qwen3-1.7b', 'chat'], 'qwen3-1-7b-chat'],
    [['Models', 'My_Weights'], 'models-my-weights'],
    [['7b', 'chat'], 'm-7b-chat'],
    [['a--b', '-c-'], 'a-b-c'],
    [['...'], 'm'],
  ])('of %j is %s', (names, expected) => {
    expect(dnsLabel(names)).toBe(expected);
  });

  test('that would be too long is cut and told from others by a hash', () => {
    const long = (end: string) => dnsLabel(['pipeline', `${'very-'.repeat(10)}long-${end}`]);
    expect(long('one')).toMatch(RFC_1035);
    expect(long('one')).toMatch(/^pipeline-very-very-very-very-.*-[0-9a-f]{6}$/);
    expect(long('one')).not.toBe(long('two'));
    expect(long('one')).toBe(long('one'));
  });

  test('is one that a Service can have, whatever it is made of', () => {
    for (const names of [
      ['9'.repeat(50)],
      ['-'.repeat(50), 'x'],
      ['Ünïcode', 'ß'],
      ['a'.repeat(33) + '-b'.repeat(9)],
    ]) {
      expect(dnsLabel(names)).toMatch(RFC_1035);
    }
  });
});

describe("an object's name", () => {
  test('is made of the pipeline and of what is in the phase, but not of the phase', () => {
    const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
    const outer = new Construct(pipeline.serve, 'outer');
    const inner = new Construct(outer, 'inner');
    expect(baseName(inner)).toBe('qwen-outer-inner');
    expect(pipelineName(inner)).toBe('qwen');
    expect(phaseOf(inner)).toBe(40);
  });

  test('is made of the chart in a plain app', () => {
    const inner = new Construct(plainChart({ id: 'models' }), 'weights');
    expect(baseName(inner)).toBe('models-weights');
    expect(pipelineName(inner)).toBe('models');
    expect(phaseOf(inner)).toBeUndefined();
  });

  test('has a chart within a phase in it', () => {
    const pipeline = new PhasedApp().pipeline('qwen', { namespace: 'llm' });
    const chart = new Chart(pipeline.serve, 'blue', { namespace: 'llm' });
    expect(baseName(new Construct(chart, 'chat'))).toBe('qwen-blue-chat');
    expect(phaseOf(chart)).toBe(40);
  });

  test.each(['a'.repeat(40), '9'.repeat(40), 'q.'.repeat(19) + 'q'])(
    'leaves room for all that Kubernetes adds to it: in the pipeline %s',
    (name) => {
      const pipeline = new PhasedApp().pipeline(name, { namespace: 'n'.repeat(63) });
      const model = cache(pipeline.download, {}, 'weights-of-the-model').artifact;
      const converted = conversion(pipeline.convert, { model }, 'converted-to-q40').artifact;
      topology(pipeline.serve, { model: converted, workerSlots: [{ slot: 2 }] }, 'chat-with-the-model');
      const objects = objectsOf(pipeline.download, pipeline.convert, pipeline.serve);
      expect(violationsOf(objects)).toBe('');
      for (const { kind, metadata } of objects) {
        // A StatefulSet's revision and a Job's pod get a suffix in a label, a pod a number.
        const suffix = kind === 'StatefulSet' ? 11 : kind === 'Job' ? 6 : 0;
        expect(metadata.name!.length + suffix).toBeLessThanOrEqual(63);
      }
      expect(ofKind(objects, 'StatefulSet')).toHaveLength(2);
    },
  );

  test('and all labels are valid in a chart of any name', () => {
    for (const id of ['My Models', 'x'.repeat(100), '7b', 'a_b']) {
      const chart = plainChart({ id });
      topology(chart, { model: conversion(chart).artifact });
      expect(violationsOf(objectsOf(chart))).toBe('');
    }
  });
});
