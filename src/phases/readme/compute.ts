import type { Pod } from '../../validation/object-set';
import { bytesText, devicesText, rounded, type Amounts } from './amounts';
import { code, table } from './markdown';
import { podText, type PipelineModel } from './pipeline-model';
import { podCount, podCountText, shareOneNode } from './pod-count';

/** CPU, memory and devices as three cells. @internal */
export function amountCells(amounts: Amounts, times = 1): string[] {
  return [
    rounded((amounts.get('cpu') ?? 0) * times),
    bytesText((amounts.get('memory') ?? 0) * times),
    devicesText(amounts, times) || '0',
  ];
}

/** The table of what pods request. @internal */
export function computeTable(pipeline: PipelineModel): string {
  const rows = pipeline.phases.flatMap((phase) =>
    phase.pods.map((pod) => podRow(pipeline, phase.folder, pod)),
  );
  if (rows.length > 0) {
    const total = amountCells(pipeline.mostAtOnce()).map((cell) => `**${cell}**`);
    rows.push(['', '**most at one time**', '', '', '', '', ...total]);
  }
  const head = [
    'phase',
    'pods of',
    'how many',
    'CPU each',
    'memory each',
    'GPUs each',
    'CPU',
    'memory',
    'GPUs',
  ];
  return table(head, rows, 'None.');
}

function podRow(pipeline: PipelineModel, folder: string, pod: Pod): string[] {
  const each = pipeline.requests(pod);
  const [cpu, memory, devices] = amountCells(each);
  return [
    code(folder),
    podText(pod),
    howMany(pipeline, pod),
    cpu,
    memory,
    [...(devices === '0' ? [] : [devices]), ...sharedTexts(pipeline, pod)].join(', ') || '0',
    ...amountCells(each, podCount(pipeline.set, pod).most ?? 1),
  ];
}

/** All copies on one node: as many as it has room for, and that node has the devices of all of them. */
function howMany({ set }: PipelineModel, pod: Pod): string {
  const count = podCountText(set, pod);
  return shareOneNode(set, pod) ? `${count}, on one node` : count;
}

/** Devices of claims that all pods of a server have together, and maybe others with them. */
function sharedTexts(pipeline: PipelineModel, pod: Pod): string[] {
  return pipeline
    .sharedClaims(pod)
    .map(({ name, devices }) =>
      devices
        ? `${devicesText(devices)} of ResourceClaim ${code(name)}, shared`
        : `ResourceClaim ${code(name)}, **must exist**`,
    );
}
