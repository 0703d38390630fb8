/** Whose devices decide the image; `cpu` for none. @internal */
export type VllmDevice = 'cpu' | 'nvidia' | 'amd' | 'intel' | 'gaudi' | 'tpu' | 'other';

/**
 * The version that all default images have. There are images of it for every device that vLLM publishes images for,
 * and the flag table covers it.
 *
 * @internal
 */
export const VLLM_VERSION = '0.26.0';

/**
 * The images of the vLLM project on Docker Hub (.buildkite/scripts/publish-release-images.sh of vllm-project/vllm; that
 * for TPUs is published by vllm-project/tpu-inference). All of them have `vllm` in their PATH; their entry points
 * changed from `python3 -m vllm.entrypoints.openai.api_server` to `vllm serve` in 0.11.1 (#25967), so that the command
 * is always written.
 *
 * The CUDA image is built for CUDA 13 since 0.20.0; older drivers need the tag with `-cu129`. For Gaudi there is none on
 * Docker Hub: Intel publishes its own at vault.habana.ai.
 */
const REPOSITORIES: Partial<Record<VllmDevice, string>> = {
  cpu: 'docker.io/vllm/vllm-openai-cpu',
  nvidia: 'docker.io/vllm/vllm-openai',
  amd: 'docker.io/vllm/vllm-openai-rocm',
  intel: 'docker.io/vllm/vllm-openai-xpu',
  tpu: 'docker.io/vllm/vllm-tpu',
};

/** Whose devices an image of the vLLM project is for, wherever it is mirrored; undefined for others. @internal */
export function deviceOfImage(image: string): VllmDevice | undefined {
  const name = lastName(image.split('@')[0].replace(/:[^:/]*$/, ''));
  const found = Object.entries(REPOSITORIES).find(([, repository]) => lastName(repository) === name);
  return found?.[0] as VllmDevice | undefined;
}

function lastName(repository: string): string {
  return repository.slice(repository.lastIndexOf('/') + 1);
}

/** The image that is run where none is named; undefined where there is none for the devices. @internal */
export function defaultVllmImage(device: VllmDevice): string | undefined {
  const repository = REPOSITORIES[device];
  return repository && `${repository}:v${VLLM_VERSION}`;
}
