import { checkProps } from '../checks';
import { InputError } from '../input-error';
import type { TpuProps } from './accelerator-props';
import type { AcceleratorSpec } from './accelerator-spec';
import { resolveOptions } from './node-choice';
import { TPU_FACTS, TpuFacts, TpuType } from './tpu-types';

const WHERE = 'Accelerator.tpu';

/** @internal */
export function tpuSpec(props: TpuProps): AcceleratorSpec {
  checkProps(WHERE, props);
  const facts = TPU_FACTS[props.type] as TpuFacts | undefined;
  if (!facts) {
    const types = Object.values(TpuType).map((type) => `'${type}'`);
    throw new InputError(WHERE, 'type', props.type, { allowed: types.join(', ') });
  }
  const chips = chipsOf(props.topology, facts);
  const perNode = chipsPerNode(props.chipsPerNode, chips, facts);
  return {
    vendor: 'tpu',
    count: perNode,
    hosts: chips / perNode,
    memoryBytes: facts.gibibytes * 2 ** 30,
    product: props.type,
    request: { by: 'resource', name: 'google.com/tpu', amount: perNode },
    nodeExpressions: [],
    ...resolveOptions(WHERE, props, {
      labels: {
        'cloud.google.com/gke-tpu-accelerator': props.type,
        'cloud.google.com/gke-tpu-topology': props.topology,
      },
      taint: 'google.com/tpu',
    }),
  };
}

function chipsOf(topology: string, { dimensions }: TpuFacts): number {
  const sides = typeof topology === 'string' && /^\d+(x\d+)+$/.test(topology) ? topology.split('x') : [];
  const lengths = sides.map(Number);
  if (lengths.length !== dimensions || lengths.some((length) => length < 1)) {
    throw new InputError(WHERE, 'topology', topology, {
      allowed: dimensions === 2 ? "two sides, for instance '2x4'" : "three sides, for instance '2x2x1'",
      advice: 'It is the node label cloud.google.com/gke-tpu-topology of the node pool.',
    });
  }
  return lengths.reduce((product, length) => product * length, 1);
}

/** A slice is one machine with all its chips, or several machines of 4. */
function chipsPerNode(given: number | undefined, chips: number, { chipsOfMachines }: TpuFacts): number {
  const possible = [
    ...chipsOfMachines.filter((machine) => machine === chips),
    ...chipsOfMachines.filter((machine) => machine === 4 && chips > 4 && chips % 4 === 0),
  ];
  if (possible.length === 0) {
    throw new InputError(WHERE, 'topology', `${chips} chips`, {
      allowed: `${chipsOfMachines.join(', ')} chips on one node, or a multiple of 4 on several`,
    });
  }
  if (given === undefined) return possible[0];
  if (!possible.includes(given)) {
    throw new InputError(WHERE, 'chipsPerNode', given, {
      allowed: `${possible.join(' or ')}, for a slice of ${chips} chips`,
    });
  }
  return given;
}
