import type { Construct } from 'constructs';
import { checkModelArtifact } from '../artifact/artifact';
import { checkKind, checkList, checkOptions, checkProps } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { CompileCacheProps, LoraAdapterProps, VllmServerProps } from './vllm-server-props';

/** Of what kind the properties are: programs in plain JavaScript have no types that would stop them. */

const ADAPTER: Record<keyof LoraAdapterProps, true> = { name: true, adapter: true };
const COMPILE_CACHE: Record<keyof CompileCacheProps, true> = { claim: true, folder: true, shared: true };

/**
 * Before anything is decided by them, so that nothing is decided by what is none.
 *
 * @throws when a property is null, or of another kind than it says
 * @internal
 */
export function checkKinds(scope: Construct, props: VllmServerProps): void {
  checkProps(scope, props);
  checkModelArtifact(scope, 'model', props.model);
  const { accelerator, checkout, speculative, chatTemplate, kvTransfer, multiNode } = props;
  const made = <T>(field: string, value: T | undefined, isOne: (value: T) => boolean, by: string) => {
    if (value === undefined) return;
    checkKind(scope, field, value, isOne, { allowed: `what ${by} makes` });
  };
  made('accelerator', accelerator, ({ _spec }) => typeof _spec?.vendor === 'string', 'Accelerator.nvidia()');
  made(
    'speculative',
    speculative,
    (given) => typeof given._speculation?.method === 'string',
    'SpeculativeDecoding.ngram()',
  );
  made('chatTemplate', chatTemplate, ({ _spec }) => typeof _spec?.kind === 'string', 'ChatTemplate.file()');
  made('kvTransfer', kvTransfer, ({ _spec }) => typeof _spec?.connector === 'string', 'KvTransfer.nixl()');
  made('checkout', checkout, ({ _spec }) => typeof _spec?.patch === 'object', 'VllmCheckout.fromDirectory()');
  made('multiNode', multiNode, ({ _spec }) => typeof _spec?.kind === 'string', 'MultiNode.statefulSets()');
  checkList(scope, 'servedModelNames', props.servedModelNames);
  checkList(scope, 'adapters', props.adapters).forEach((adapter, index) =>
    checkOptions(scope, `adapters[${index}]`, adapter, ADAPTER),
  );
  if (props.compileCache !== undefined) {
    checkOptions(scope, 'compileCache', props.compileCache, COMPILE_CACHE);
  }
  for (const field of ['image', 'version', 'modelFile', 'networkInterface', 'cpuThreads', 'cpu'] as const) {
    const value: unknown = props[field];
    if (value === undefined || typeof value === 'string') continue;
    throw new InputError(scope, field, value, { allowed: 'a text' });
  }
}
