import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import { checkoutOnPod, MountedRepository, PreparedFolder, repositoryOnPod } from '../checkout/on-pod';
import { CACHE_FOLDER, HOME_FOLDER, vllmEnvironment } from '../engines/vllm/environment';
import { defaultVllmImage } from '../engines/vllm/images';
import type { AcceleratorSpec } from '../pod/accelerator/accelerator-spec';
import { checkKind, checkSize } from '../pod/checks';
import { checkImage } from '../pod/image';
import { InputError } from '../pod/input-error';
import type { Owner } from '../pod/owner';
import type { PlacementOf } from '../pod/placement';
import { ArtifactRole, MountedArtifacts } from '../serving/mounted-artifacts';
import type { NodeCacheRepository } from './node-cache-item';
import { checkWords } from '../serving/command-line';
import { resolveRoles } from '../serving/artifact-roles';
import type { VllmRunProgramProps } from './vllm-run-props';

/** `app.kubernetes.io/name` of all that belongs to a run. @internal */
export const VLLM_RUN = 'vllm-run';

/** The repository among the artifacts: the guard waits for it too. @internal */
export const REPOSITORY_ROLE = 'repository';

const GIB = 1024 ** 3;

/** A program of vLLM with every default applied, whether it ends or serves. @internal */
export interface VllmProgram {
  readonly image: string;
  readonly command: string[];
  readonly roles: ArtifactRole[];
  /** Variables that the user may set anew. */
  readonly env: Record<string, string>;
  readonly sharedMemory?: Size;
  /** Where the image is, if that is known. */
  readonly placements: PlacementOf[];
  /** The folder that it runs from, if it is not the image's own vLLM. */
  readonly prepare: (owner: Owner, artifacts: MountedArtifacts) => PreparedFolder[];
}

/** The folders that vLLM writes, with the most that they may hold. @internal */
export const WRITABLE_FOLDERS: Record<string, Size> = {
  '/tmp': Size.gibibytes(4),
  [HOME_FOLDER]: Size.gibibytes(1),
  [CACHE_FOLDER]: Size.gibibytes(10),
};

/** @throws when a value cannot be used, when two of them say which vLLM runs @internal */
export function resolveProgram(
  scope: Construct,
  props: VllmRunProgramProps,
  accelerator: AcceleratorSpec | undefined,
): VllmProgram {
  checkHandles(scope, props);
  const image = resolveImage(scope, props, accelerator);
  const command = checkWords(scope, 'command', props.command, 1);
  const roles = rolesOf(scope, props);
  checkNames(scope, props, command);
  const { checkout, repository, cachedImage } = props;
  return {
    image,
    command,
    roles,
    env: vllmEnvironment(),
    sharedMemory: resolveSharedMemory(scope, props, accelerator),
    placements: cachedImage
      ? [{ of: `the image ${cachedImage.name} of the node cache`, placement: cachedImage.placement }]
      : [],
    prepare: (owner, artifacts) => {
      if (checkout) return [checkoutOnPod(owner, checkout._spec, image)];
      return repository ? [repositoryOnPod(mounted(repository, artifacts), image)] : [];
    },
  };
}

/** Where the pod has the files of a repository. */
function mounted(
  { artifact, subPath, commit }: NodeCacheRepository,
  artifacts: MountedArtifacts,
): MountedRepository {
  const below = subPath.slice(artifact.path.length);
  return { folder: artifacts.folderOf(artifact) + below, commit, mounts: artifacts.mounts };
}

/** Objects of this library, and no names of them. */
function checkHandles(scope: Construct, { checkout, repository, cachedImage }: VllmRunProgramProps): void {
  if (checkout !== undefined) {
    checkKind(scope, 'checkout', checkout, ({ _spec }) => typeof _spec?.patch === 'object', {
      allowed: 'a VllmCheckout',
      advice: "Make one: VllmCheckout.fromDirectory('../vllm').",
    });
  }
  if (repository !== undefined) {
    checkKind(scope, 'repository', repository, (given) => typeof given.artifact === 'object', {
      allowed: 'a repository of a NodeCache',
      advice: "Give it: cache.repository('vllm').",
    });
  }
  if (cachedImage !== undefined) {
    checkKind(scope, 'cachedImage', cachedImage, (given) => typeof given.placement === 'object', {
      allowed: 'an image of a NodeCache',
      advice: "Give it: cache.image('vllm').",
    });
  }
  if (checkout !== undefined && repository !== undefined) {
    throw new InputError(scope, 'repository', 'given', { allowed: 'nothing, as the run has a checkout' });
  }
}

function resolveImage(
  scope: Construct,
  { image, checkout, cachedImage }: VllmRunProgramProps,
  accelerator: AcceleratorSpec | undefined,
): string {
  if (checkout !== undefined && image !== undefined) {
    throw new InputError(scope, 'image', image, {
      allowed: 'nothing, as the checkout says which image it is applied to',
      advice: "Another is named there: VllmCheckout.fromDirectory('../vllm', { image }).",
    });
  }
  const field = checkout ? 'checkout.image' : 'image';
  const named = checkout?.image ?? image;
  const chosen = named === undefined ? undefined : checkImage(scope, field, named);
  if (cachedImage !== undefined) {
    if (chosen === undefined || chosen === cachedImage.image) return cachedImage.image;
    throw new InputError(scope, 'cachedImage', cachedImage.image, {
      allowed: `the image that is run, ${chosen}`,
      advice: 'Let the NodeCache keep that one.',
    });
  }
  return chosen ?? checkImage(scope, 'image', defaultVllmImage(accelerator?.vendor ?? 'cpu'));
}

function rolesOf(scope: Construct, props: VllmRunProgramProps): ArtifactRole[] {
  const roles = resolveRoles(scope, props);
  const { repository } = props;
  if (roles.some(({ role }) => role === REPOSITORY_ROLE)) {
    throw new InputError(scope, 'artifacts', REPOSITORY_ROLE, { allowed: 'another name' });
  }
  return repository ? [...roles, { role: REPOSITORY_ROLE, artifact: repository.artifact }] : roles;
}

/** vLLM would look for the repository's name at a hub that it must not ask. */
function checkNames(scope: Construct, { model }: VllmRunProgramProps, command: readonly string[]): void {
  const repository = model?.provenance.repository;
  const odd = command.find((word) => word === repository || word === `--model=${repository}`);
  if (odd === undefined) return;
  throw new InputError(scope, 'command', odd, {
    allowed: '$(MODEL_DIR) in the place of the name of the model',
    advice:
      'The pod has the files in that folder, and asks no hub for others. What requests call it is said by ' +
      `--served-model-name=${repository}.`,
  });
}

function resolveSharedMemory(
  scope: Construct,
  { sharedMemory }: VllmRunProgramProps,
  accelerator: AcceleratorSpec | undefined,
): Size | undefined {
  if (sharedMemory !== undefined) return checkSize(scope, 'sharedMemory', sharedMemory);
  return accelerator && accelerator.count !== 1 ? Size.gibibytes(2) : undefined;
}

/** CPUs and memory, where the user says nothing. @internal */
export function amountsFor(accelerator: AcceleratorSpec | undefined): { cpu: string; memory?: Size } {
  if (accelerator === undefined) return { cpu: '8' };
  // Each process that drives a device takes some, and those that it is asked by.
  const devices = accelerator.count ?? 1;
  return { cpu: String(2 + 2 * devices), memory: Size.gibibytes((8 * GIB + 4 * GIB * devices) / GIB) };
}
