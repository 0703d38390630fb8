import type { Construct } from 'constructs';
import { checkArtifact, checkModelArtifact } from '../artifact/artifact';
import type { InferenceServerProps, ServedArtifact } from '../constructs/inference-server-props';
import { checkList, checkOptions } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { EngineVariable } from './engine-spec';
import type { ArtifactRole, MountedArtifacts } from './mounted-artifacts';

/** The model and the other artifacts of a program that is told of their folders by variables. */

const SERVED: Record<keyof ServedArtifact, true> = { name: true, artifact: true, mountPath: true };

/** What is said of the files of a model that there is not would have no effect. */
function refuseWithoutModel(scope: Construct, props: Artifacts): void {
  const odd = (['modelMountPath', 'artifacts', 'readRate'] as const).find(
    (field) => props[field] !== undefined,
  );
  if (odd === undefined) return;
  throw new InputError(scope, odd, 'given', {
    allowed: 'nothing without a model',
    advice: 'Give the artifact that the server reads as model: the .artifact of a ModelCache.',
  });
}

type Artifacts = Pick<InferenceServerProps, 'model' | 'modelMountPath' | 'artifacts' | 'readRate'>;

/** @throws when one is no artifact, or has a name or a folder that it cannot have @internal */
export function resolveRoles(scope: Construct, props: Artifacts): ArtifactRole[] {
  const seen = new Set<string>();
  const paths = new Set<string>();
  const checkPath = (field: string, mountPath: string | undefined) => {
    if (mountPath === undefined) return;
    if (
      typeof mountPath !== 'string' ||
      !/^(\/[\w.@+-]+)+$/.test(mountPath) ||
      mountPath.split('/').some((part) => part === '..' || part === '.')
    ) {
      throw new InputError(scope, field, mountPath, { allowed: 'an absolute path' });
    }
    if (/^\/models(-\d+)?(\/|$)/.test(mountPath) || paths.has(mountPath)) {
      throw new InputError(scope, field, mountPath, {
        allowed:
          'a folder of its own, outside of those at which whole stores are mounted (/models, /models-1, ...)',
      });
    }
    paths.add(mountPath);
  };
  if (props.model === undefined) {
    refuseWithoutModel(scope, props);
    return [];
  }
  checkPath('modelMountPath', props.modelMountPath);
  const model = {
    role: 'model',
    artifact: checkModelArtifact(scope, 'model', props.model),
    mountPath: props.modelMountPath,
  };
  const others = checkList(scope, 'artifacts', props.artifacts).map((given, index) => {
    const field = `artifacts[${index}]`;
    const { name, artifact, mountPath } = checkOptions(scope, field, given, SERVED);
    if (
      typeof name !== 'string' ||
      !/^[a-z][-a-z0-9]{0,30}$/.test(name) ||
      name === 'model' ||
      name === 'config' ||
      seen.has(name)
    ) {
      throw new InputError(scope, `${field}.name`, name, {
        allowed:
          "a name of its own of at most 31 lower-case letters, digits and '-'; not 'model' or 'config'",
      });
    }
    seen.add(name);
    checkPath(`${field}.mountPath`, mountPath);
    return { role: name, artifact: checkArtifact(scope, `${field}.artifact`, artifact), mountPath };
  });
  return [model, ...others];
}

/** The variables that have the artifacts' folders: `MODEL_DIR`, `ADAPTER_LEGAL_DIR`. @internal */
export function folderVariables({ all }: MountedArtifacts): EngineVariable[] {
  return all.map(({ role, folder }) => ({
    name: `${role.toUpperCase().replace(/-/g, '_')}_DIR`,
    value: folder,
  }));
}
