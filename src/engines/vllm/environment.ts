/** Where the engine writes. @internal */
export const HOME_FOLDER = '/home/vllm';
/** Compiled kernels and graphs, which another start can use again. @internal */
export const CACHE_FOLDER = '/var/cache/vllm';

/** As the environment of a container has it. */
type Variables = Record<string, string>;

/**
 * What every server is told by its environment, vllm/envs.py of vllm-project/vllm and the documents of the others.
 *
 * @internal
 */
export function vllmEnvironment(): Variables {
  return {
    // Our user is in no /etc/passwd: getpass.getuser() of PyTorch's compiler fails without.
    USER: 'vllm',
    HOME: HOME_FOLDER,
    XDG_CONFIG_HOME: `${HOME_FOLDER}/.config`,
    XDG_CACHE_HOME: CACHE_FOLDER,
    VLLM_CONFIG_ROOT: `${HOME_FOLDER}/.config/vllm`,
    VLLM_CACHE_ROOT: `${CACHE_FOLDER}/vllm`,
    HF_HOME: `${CACHE_FOLDER}/huggingface`,
    TORCHINDUCTOR_CACHE_DIR: `${CACHE_FOLDER}/torchinductor`,
    TRITON_CACHE_DIR: `${CACHE_FOLDER}/triton`,
    FLASHINFER_WORKSPACE_BASE: CACHE_FOLDER,
    NUMBA_CACHE_DIR: `${CACHE_FOLDER}/numba`,
    CUDA_CACHE_PATH: `${CACHE_FOLDER}/cuda`,
    // The model is in its folder; no server asks a hub for anything, or tells anybody of itself.
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    VLLM_NO_USAGE_STATS: '1',
    DO_NOT_TRACK: '1',
  };
}

/** Since 0.11.1 (#27953) threads can be left to the kernel, which knows a container's share of the CPUs. @internal */
export const UNBOUND_THREADS_SINCE = '0.11.1';

/**
 * What a server without devices is told besides.
 *
 * Left to itself it starts a thread for each CPU of the node, and binds it there, whatever the container's share.
 *
 * @param cpus of each process: those of the container, divided among its processes
 * @internal
 */
export function cpuEnvironment(
  kvCacheGibibytes: number,
  threads: string | undefined,
  cpus: number,
): Variables {
  return {
    VLLM_CPU_KVCACHE_SPACE: String(kvCacheGibibytes),
    ...(threads === undefined ? {} : { VLLM_CPU_OMP_THREADS_BIND: threads }),
    ...(threads === 'nobind' ? { OMP_NUM_THREADS: String(cpus) } : {}),
  };
}

/** Variables that a user must not set, with the reason. @internal */
export const REFUSED_ENVIRONMENT: Record<string, string> = {
  VLLM_PORT: 'It is the first of the internal ports, and not that of the API.',
  VLLM_API_KEY: "Use the property 'apiKey'.",
  HF_TOKEN: 'Servers ask no hub for anything: name the Secret of the token where the model is downloaded.',
  VLLM_CPU_KVCACHE_SPACE: "Use the property 'cpuKvCache'.",
  VLLM_CPU_OMP_THREADS_BIND: "Use the property 'cpuThreads'.",
  NCCL_SOCKET_IFNAME: "Use the property 'networkInterface'.",
  GLOO_SOCKET_IFNAME: "Use the property 'networkInterface'.",
  VLLM_HOST_IP: 'It is the address of the pod.',
};
