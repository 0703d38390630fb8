import { Size } from 'cdk8s';
import type { Peering } from '../engines/vllm/kv-transfer';
import { KvTransferSpec, SIDE_CHANNEL_PORT } from '../engines/vllm/kv-transfer';
import { checkProps, checkSize } from '../pod/checks';
import { InputError } from '../pod/input-error';
import { bytesOf } from '../pod/quantity';

/** What a server does of a request that two servers share. */
export enum KvRole {
  /** It reads the prompt and hands over the key-value cache. */
  PREFILL = 'prefill',
  /** It takes the key-value cache over and writes the answer. */
  DECODE = 'decode',
}

/** How two servers share requests by NIXL. */
export interface NixlProps {
  /** What this server does. */
  readonly role: KvRole;

  /**
   * The names of the Services of the other servers, in the same namespace: those that decode for one that prefills,
   * and the other way round. Their pods, and no others, are let in. At synth each must be a server of the app that names
   * this one, with the same model and version.
   */
  readonly peers: string[];
}

/**
 * What becomes of the key-value cache besides the devices' memory: it goes to another server, or to the memory of the
 * node.
 *
 * Servers that share requests do not find each other by themselves. Whoever sends a request asks a server that
 * prefills first, with `max_tokens: 1` and `kv_transfer_params: {"do_remote_decode": true}`, and hands the
 * `kv_transfer_params` of its answer, which name the pod and its blocks, to a server that decodes. A router that does
 * so has to stand before both: vLLM's own (vllm-project/router), the routing sidecar of llm-d behind an
 * `InferencePool`, or NVIDIA Dynamo; `InferenceServer` runs any of them. What is needed of the servers is made here:
 * the connector, the address and port of each pod for the handshake, and NetworkPolicies that are open between the
 * two and to nobody else.
 */
export class KvTransfer {
  /**
   * From server to server by NIXL (`NixlConnector`), over RDMA where the devices have it, else over TCP. Both have the
   * same model, version and cache type. Needs vLLM 0.10.0 or newer, whose images have the library.
   *
   * @throws when a role or a name is none
   */
  public static nixl(props: NixlProps): KvTransfer {
    const where = 'KvTransfer.nixl';
    checkProps(where, props);
    const { role, peers } = props;
    if (!Object.values(KvRole).includes(role)) {
      throw new InputError(where, 'role', role, { allowed: Object.values(KvRole).join(', ') });
    }
    if (!Array.isArray(peers) || peers.length === 0) {
      throw new InputError(where, 'peers', peers, { allowed: 'the name of at least one other server' });
    }
    const wrong = peers.find((peer) => !/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(peer));
    if (wrong !== undefined) {
      throw new InputError(where, 'peers', wrong, {
        allowed: 'the name of a Service',
        advice:
          "It is the pipeline's name and the server's id: 'qwen3-decode', or .serviceName of the other.",
      });
    }
    return new KvTransfer(
      { connector: 'nixl', role },
      { names: [...new Set(peers)], port: SIDE_CHANNEL_PORT },
    );
  }

  /**
   * To the memory of the node (`OffloadingConnector`): what has left the devices' cache need not be computed anew.
   * Needs vLLM 0.22.0 or newer.
   *
   * @param size of all devices of a pod together; the pods' memory grows by it
   * @throws when it is no size
   */
  public static cpuMemory(size: Size): KvTransfer {
    checkSize('KvTransfer.cpuMemory', 'size', size);
    return new KvTransfer({ connector: 'offloading', bytes: bytesOf(size) });
  }

  /**
   * To the memory of the node by LMCache (`LMCacheConnectorV1`), which the images hold. Needs vLLM 0.10.0 or newer.
   *
   * @param size the pods' memory grows by it
   * @throws when it is no size, or less than a gibibyte
   */
  public static lmCache(size: Size): KvTransfer {
    checkSize('KvTransfer.lmCache', 'size', size);
    if (bytesOf(size) < bytesOf(Size.gibibytes(1))) {
      throw new InputError('KvTransfer.lmCache', 'size', `${bytesOf(size)} bytes`, {
        allowed: '1 GiB or more',
      });
    }
    return new KvTransfer({ connector: 'lmcache', bytes: bytesOf(size) });
  }

  private constructor(
    /** @internal */
    public readonly _spec: KvTransferSpec,
    /** @internal */
    public readonly _peering?: Peering,
  ) {}
}
