/**
 * What an engine of a certain version tells Prometheus, by what it means. The names are those of the engine's
 * own table; one that the version does not have is absent. Engines know nothing of cdk8s.
 *
 * @internal
 */
export interface EngineMetrics {
  readonly path: string;
  /** The name of the container's port that has it. @default 'http', that of the API */
  readonly port?: string;
  /** Gauge: requests that are being answered. */
  readonly running?: string;
  /** Gauge: requests that wait. */
  readonly waiting?: string;
  /** Gauge, 0 to 1: how full the key-value cache is. */
  readonly kvCacheUsage?: string;
  /** Counter: tokens of prompts. */
  readonly promptTokens?: string;
  /** Counter: tokens of answers. */
  readonly generatedTokens?: string;
  /** Counter: requests that were answered, well or not. */
  readonly answered?: string;
  /** Matcher of those among `answered` that ask for something: probes are answered, too. @default - all */
  readonly answeredMatcher?: string;
  /** Matcher of those among `answered` that the server failed to answer: `status="5xx"`. */
  readonly failedMatcher?: string;
  /** Counter: requests that ended well. */
  readonly succeeded?: string;
  /** Histogram, without `_bucket`: seconds to the first token. */
  readonly timeToFirstToken?: string;
  /** Histogram, without `_bucket`: seconds between tokens. */
  readonly timePerOutputToken?: string;
  /** Histogram, without `_bucket`: seconds of a whole request. */
  readonly requestSeconds?: string;
  /** Whether who reads them has to show the API key, where the server has one. */
  readonly needApiKey?: boolean;
  /** The label that names the model, where there is one. */
  readonly modelLabel?: string;
}
