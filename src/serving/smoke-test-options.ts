import type { Duration } from 'cdk8s';
import type { SecretValue } from 'cdk8s-plus-28';
import type { JobOptions } from '../pod/job-options';

/** What a server answers, by the paths of the OpenAI API. */
export enum SmokeTestApi {
  /** `/v1/chat/completions`: conversations. */
  CHAT = 'chat',
  /** `/v1/completions`: texts that are continued, by models that know no conversations. */
  COMPLETION = 'completion',
  /** `/v1/embeddings`: vectors. */
  EMBEDDING = 'embedding',
  /** `/v1/rerank`: documents by how well they answer a question. */
  RERANK = 'rerank',
}

/** What a smoke test asks. */
export interface SmokeTestOptions extends JobOptions {
  /**
   * What is asked for.
   *
   * @default - what the server is for, else SmokeTestApi.CHAT
   */
  readonly api?: SmokeTestApi;

  /**
   * The name that the server must have for its model, and by which it is asked.
   *
   * @default - the first name of the server; where none is known, the first that it lists
   */
  readonly model?: string;

  /**
   * The question.
   *
   * @default 'What is the capital of France? Answer in one word.'
   */
  readonly prompt?: string;

  /**
   * What the answer must contain, in upper or lower case. Not for embeddings and reranking.
   *
   * @default - any answer that is not empty
   */
  readonly expect?: string;

  /**
   * The longest answer, in tokens. What a model thinks before it answers counts, and counts as an answer. Not for
   * embeddings and reranking.
   *
   * @default 256
   */
  readonly maxTokens?: number;

  /**
   * The longest time until a pod of the server is ready for the first time: with the Jobs that make its model, where all is
   * applied at once. Where a phase is applied when the one before it is complete, a shorter time tells sooner of a server
   * that does not start. Not for an address.
   *
   * @default 1 day
   */
  readonly readyTimeout?: Duration;

  /**
   * The longest time to wait for the endpoint to answer at all: of a server, since one of its pods was ready for the first
   * time; of an address, since the test began. With all retries (`backoffLimit`, by default 2) it may be waited for so many
   * times.
   *
   * @default - the startup timeout of the server and 10 minutes; 30 minutes for an address
   */
  readonly timeout?: Duration;

  /**
   * The longest time that the answers may take, all together.
   *
   * @default 15 minutes
   */
  readonly answerTimeout?: Duration;

  /**
   * The longest time to the first token of a streamed answer. Not for embeddings and reranking.
   *
   * @default - any
   */
  readonly maxTimeToFirstToken?: Duration;

  /**
   * The API key by which the server is asked, in a Secret of the same namespace.
   *
   * @default - that of the server, where it asks for one
   */
  readonly apiKey?: SecretValue;

  /**
   * The image of the Job: any with Python 3.11 or newer; nothing is installed in it.
   *
   * @default docker.io/library/python:3.13.7-slim-bookworm, by digest
   */
  readonly image?: string;
}
