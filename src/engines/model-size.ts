import type { ModelFacts } from './model-facts';

/** How many parameters a model has and how many bytes they take, by what config.json says. */

/** Architectures whose feed-forward part has two matrices, and no gate beside them. */
const UNGATED: ReadonlySet<string> = new Set(['falcon', 'gpt2', 'gpt_neox', 'opt', 'phi', 'starcoder2']);

type Config = Readonly<Record<string, unknown>>;

/**
 * Parameters of the experts, which are not all of the model's. Each has three matrices, as in all known mixtures.
 *
 * @internal
 */
export function expertParameters(facts: ModelFacts): number {
  return expertLayers(facts) * facts.experts * expertSize(facts);
}

/**
 * All parameters, without biases, norms, drafts of further tokens (MTP) and what sees or hears: some percent too few
 * for models that have those.
 *
 * @internal
 */
export function estimatedParameters(facts: ModelFacts): number {
  const { dim, hiddenDim, layers, vocabSize } = facts;
  const config = facts._config ?? {};
  const mixtures = expertLayers(facts);
  const shared = count(config.n_shared_experts) ?? (count(config.shared_expert_intermediate_size) ? 1 : 0);
  const sharedSize =
    3 * dim * (count(config.shared_expert_intermediate_size) ?? facts.moeHiddenDim ?? hiddenDim);
  const embeddings = (facts.tiedEmbeddings ? 1 : 2) * vocabSize * dim;
  return (
    embeddings +
    layers * attentionSize(facts) +
    (layers - mixtures) * (UNGATED.has(facts.modelType) ? 2 : 3) * dim * hiddenDim +
    mixtures * (shared * sharedSize + dim * facts.experts) +
    expertParameters(facts)
  );
}

/**
 * Bytes of all weights: of the files where their size is known, else of the parameters by the type or quantization that
 * config.json names.
 *
 * @param fileBytes of the safetensors files, where the artifact says it
 * @internal
 */
export function weightBytes(facts: ModelFacts, fileBytes?: number): number {
  return fileBytes ?? facts.sourceBytes ?? estimatedParameters(facts) * bytesPerParameter(facts);
}

/** Bytes that a parameter takes on disk and on the device, scales included. @internal */
export function bytesPerParameter(facts: ModelFacts): number {
  const quantization = (facts._config?.quantization_config ?? {}) as Config;
  const bits = count(quantization.bits) ?? bitsOfGroups(quantization);
  switch (facts.quantization) {
    case undefined:
      return facts.dtype === 'float32' ? 4 : 2;
    case 'fp8':
    case 'fbgemm_fp8':
      return 1;
    case 'mxfp4':
      // 4 bits and a scale of 8 bits for 32 of them (OCP microscaling formats).
      return 4.25 / 8;
    case 'bitsandbytes':
      return quantization.load_in_4bit === true ? 0.5 : 1;
    default:
      // Scales of 16 bits, mostly for 128 weights.
      return bits === undefined ? 2 : (bits + 0.125) / 8;
  }
}

/** compressed-tensors and modelopt: the first group's weights. */
function bitsOfGroups({ config_groups: groups }: Config): number | undefined {
  if (typeof groups !== 'object' || groups === null) return undefined;
  const [first] = Object.values(groups) as { weights?: { num_bits?: unknown } }[];
  return count(first?.weights?.num_bits);
}

/** Layers whose feed-forward part is a mixture: not the first ones of DeepSeek, nor every second of others. */
function expertLayers(facts: ModelFacts): number {
  if (facts.experts === 0) return 0;
  const config = facts._config ?? {};
  const step = count(config.interleave_moe_layer_step) ?? count(config.decoder_sparse_step) ?? 1;
  const dense = count(config.first_k_dense_replace) ?? listLength(config.mlp_only_layers);
  return Math.floor((facts.layers - dense) / step);
}

function expertSize({ dim, moeHiddenDim, hiddenDim }: ModelFacts): number {
  return 3 * dim * (moeHiddenDim ?? hiddenDim);
}

function attentionSize(facts: ModelFacts): number {
  const { dim, heads, queryDim, kvDim } = facts;
  const config = facts._config ?? {};
  const rank = count(config.kv_lora_rank);
  if (rank === undefined) return 2 * dim * queryDim + 2 * dim * kvDim;
  // DeepSeek's multi-head latent attention, as its modeling code has the matrices.
  const rope = count(config.qk_rope_head_dim) ?? 0;
  const key = (count(config.qk_nope_head_dim) ?? 0) + rope;
  const value = count(config.v_head_dim) ?? 0;
  const queryRank = count(config.q_lora_rank);
  const query = queryRank === undefined ? dim * heads * key : queryRank * (dim + heads * key);
  return query + dim * (rank + rope) + rank * heads * (key - rope + value) + heads * value * dim;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function listLength(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
