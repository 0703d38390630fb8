import { LlamaBackend } from './backend';
import { isLlamaVersion } from './version';

/** Whose devices decide the image; `cpu` for none. @internal */
export type LlamaDevice = 'cpu' | 'nvidia' | 'amd' | 'intel' | 'gaudi' | 'tpu' | 'other';

const REPOSITORY = 'ghcr.io/ggml-org/llama.cpp';

/** The release of all default images. Its build is b10964. */
const RELEASE = 'v0.4.1';

/** Of the index for amd64 and arm64, as several projects that pin it have it. */
const CPU_SERVER_DIGEST = 'sha256:283ed1799f2711361dadd863305ffe31c9fca3321a099712a8cc65061502b523';

/**
 * Which backends a kind of devices can be used by, that of its vendor first. What is of no known vendor may be any: GPUs
 * of NVIDIA that are shared under another name, or an integrated GPU.
 *
 * Tags name them (.github/workflows/docker.yml of ggml-org/llama.cpp, which has had `cuda`, `rocm`, `intel`, `vulkan` and
 * `musa` longer than the flag table goes back, `cuda12` and `cuda13` since b9842 at the latest, and `openvino` since
 * b9842). All are built for amd64; those for CPUs, CUDA and Vulkan for arm64 too (docs/docker.md).
 */
const BACKENDS: Readonly<Record<LlamaDevice, readonly LlamaBackend[]>> = {
  cpu: [],
  nvidia: [LlamaBackend.CUDA],
  amd: [LlamaBackend.ROCM, LlamaBackend.VULKAN],
  intel: [LlamaBackend.INTEL, LlamaBackend.VULKAN],
  gaudi: [],
  tpu: [],
  other: Object.values(LlamaBackend),
};

/** The devices that a backend computes on, where it is not for all that have a driver of it, as `vulkan` is. */
const DEVICES: Readonly<Record<string, readonly LlamaDevice[]>> = {
  cpu: ['cpu'],
  cuda: ['nvidia'],
  rocm: ['amd'],
  intel: ['intel'],
  openvino: ['cpu', 'intel'],
};

/**
 * For which devices llama.cpp's own image is, wherever it is mirrored; undefined for an image that does not tell.
 *
 * @internal
 */
export function devicesOfLlamaImage(image: string): readonly LlamaDevice[] | undefined {
  const tag = /(?:^|\/)ggml-org\/llama\.cpp:(?:server|full)(?:-([^@]+))?(?:@|$)/.exec(image);
  if (tag === null) return undefined;
  const rest = tag[1];
  const backend = rest === undefined || isLlamaVersion(rest) ? 'cpu' : (/^[a-z]+/.exec(rest)?.[0] ?? '');
  return Object.hasOwn(DEVICES, backend) ? DEVICES[backend] : undefined;
}

/** By which backends a kind of devices can be used; none where llama.cpp publishes no image. @internal */
export function llamaBackends(device: LlamaDevice): readonly LlamaBackend[] {
  return BACKENDS[device];
}

/** That of the vendor; undefined where the vendor is not known, or has none. @internal */
export function defaultLlamaBackend(device: LlamaDevice): LlamaBackend | undefined {
  return device === 'other' ? undefined : BACKENDS[device].at(0);
}

/** The server's image. @param backend none for CPUs @internal */
export function llamaServerImage(backend?: LlamaBackend): string {
  return backend === undefined
    ? `${REPOSITORY}:server-${RELEASE}@${CPU_SERVER_DIGEST}`
    : `${REPOSITORY}:server-${backend}-${RELEASE}`;
}

/** What converts and quantizes: all of llama.cpp's programs, Python 3.12 and PyTorch. @internal */
export const LLAMA_FULL_IMAGE = `${REPOSITORY}:full-${RELEASE}`;

/** Where all images have the programs (since ggml-org/llama.cpp#10320). @internal */
export const LLAMA_FOLDER = '/app';
