/** A model's rotary position embedding, as config.json tells it: nothing of it is checked. @internal */
export interface RotaryEmbedding {
  readonly theta: unknown;
  readonly type: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly scaling: Readonly<Record<string, unknown>>;
}

/**
 * What config.json says of the rotary embedding: transformers 5 keeps it in rope_parameters, transformers 4 in
 * rope_theta and rope_scaling.
 *
 * @internal
 */
export function rotaryEmbedding(config: Readonly<Record<string, unknown>>): RotaryEmbedding {
  const parameters = record(config.rope_parameters) ?? {};
  const scaling = record(config.rope_scaling) ?? parameters;
  const theta = config.rope_theta ?? parameters.rope_theta ?? scaling.rope_theta ?? undefined;
  return { theta, type: scaling.rope_type ?? scaling.type ?? 'default', parameters, scaling };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
