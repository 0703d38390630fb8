/** Where the files of a DynamoModel come from, as its address and its version say. */
import { parseHuggingFaceAddress } from '../../artifact/sources/hugging-face';
import { parseNgcAddress } from '../../artifact/sources/ngc';
import { withoutCredentials } from '../../pod/input-error';
import { call, Expression, literal, object } from '../plan';
import type { PipelineBuilder } from '../plan-builder';
import type { Resource } from '../resource';
import { bucketProps, factsOf, huggingFace, Repository, s3Place, webSource } from '../sources';
import type { Notes } from '../translation';
import { SHA256, texts } from '../values';
import type { DynamoModelSpec } from './dynamo-model';

/** The source, and what is known of the model in it. @internal */
export function sourceOf(
  { spec }: Resource<DynamoModelSpec>,
  notes: Notes,
  pipeline: PipelineBuilder,
): { readonly source: Expression; readonly facts?: Expression } {
  const { sourceURL, secretRef, version, downloaderRef } = spec;
  const repository =
    sourceURL.startsWith('hf://') || /^https:\/\/huggingface\.co\//.test(sourceURL)
      ? parseHuggingFaceAddress(sourceURL)
      : undefined;
  const bucket = s3Place(sourceURL);
  const catalog = parseNgcAddress(sourceURL);
  const isWeb = /^https?:\/\//.test(sourceURL);
  const secret = () => (secretRef === undefined ? undefined : pipeline.secret(secretRef));
  const known = repository ?? bucket ?? catalog ?? (isWeb ? {} : undefined);
  if (known && downloaderRef !== undefined) {
    notes.warn(
      'spec.downloaderRef',
      `DynamoModel never reads it, and the scheme of ${withoutCredentials(sourceURL)} has a source of its own here. It is left out.`,
    );
  }
  if (repository) {
    const given: Repository = {
      ...repository,
      field: 'spec.sourceURL',
      revision: version ?? repository.revision,
      revisionField: version === undefined ? undefined : 'spec.version',
      tokenSecret: secret(),
      // The variable that the hub's library reads, as all keys of the Secret are variables of the operator's Job.
      tokenKey: 'HF_TOKEN',
    };
    if (version !== undefined)
      notes.warn(
        'spec.version',
        `DynamoModel never hands it to a download, which takes whatever main is. Here it is the state that is fetched.`,
      );
    if (repository.repo !== spec.name)
      notes.warn(
        'spec.name',
        `It is not the repository of sourceURL, ${repository.repo}, which is fetched. Servers answer to the name.`,
      );
    return { source: huggingFace(notes, given), facts: factsOf(notes, given) };
  }
  if (bucket) return { source: bucketSource(spec, notes, bucket, secret()) };
  if (catalog) {
    if (secretRef !== undefined)
      notes.warn('spec.secretRef', 'The Secret has to hold its value under the key NGC_API_KEY.');
    return { source: catalogSource(spec, notes, catalog, secret()) };
  }
  if (isWeb) return { source: fileSource(spec, notes, secret()) };
  return { source: customSource(spec, notes) };
}

function bucketSource(
  { version }: DynamoModelSpec,
  notes: Notes,
  place: { bucket: string; prefix: string },
  credentialsSecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn(
      'spec.version',
      'A folder of a bucket has no version. What pins it is the sha256 of a list of its files.',
    );
  const folder = ['s3:/', place.bucket, place.prefix].filter((part) => part !== '').join('/');
  const sha256 = notes.ask('spec.sourceURL', 'sha256', {
    given: folder,
    allowed: 'the sha256 of the file SHA256SUMS in the folder, which lists the others: 64 hexadecimal digits',
    form: SHA256,
    why: 'What is in a bucket can change.',
    command:
      `aws s3 sync ${folder} model && cd model && find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS && ` +
      `aws s3 cp SHA256SUMS ${folder}/ && sha256sum SHA256SUMS | cut -c 1-64`,
  });
  return call(
    'ModelSource.s3',
    object({
      ...bucketProps({ ...place }),
      credentialsSecret,
      manifest: object({ sha256: literal(sha256), path: literal('SHA256SUMS') }),
    }),
  );
}

function catalogSource(
  { version }: DynamoModelSpec,
  notes: Notes,
  { model, version: inAddress }: { readonly model: string; readonly version?: string },
  apiKeySecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn(
      'spec.version',
      'DynamoModel never hands it to a download. Here it is the version that is fetched.',
    );
  const told = version ?? inAddress;
  const given = told !== undefined && told !== 'latest' ? told : undefined;
  const asked =
    given ??
    notes.ask('spec.version', 'version', {
      given: told,
      allowed: 'a version of the model in the catalog',
      form: /^[A-Za-z0-9][\w.+-]*$/,
      why: 'The latest one changes under a running model.',
      command: `ngc registry model list '${model}:*'`,
    });
  return call('ModelSource.ngc', literal(model), object({ version: literal(asked), apiKeySecret }));
}

function fileSource(
  { sourceURL, version }: DynamoModelSpec,
  notes: Notes,
  tokenSecret: Expression | undefined,
): Expression {
  if (version !== undefined)
    notes.warn('spec.version', 'A file of a web server has no version. What pins it is its sha256.');
  if (tokenSecret)
    notes.warn(
      'spec.secretRef',
      'The Secret has to hold a token under the key token, which is sent as Bearer.',
    );
  const shown = withoutCredentials(sourceURL).replace(/[?#].*/s, '');
  const address = { field: 'spec.sourceURL', url: sourceURL, shown, kind: 'file or archive' };
  return webSource(notes, address, { tokenSecret });
}

/** A downloader by its name, which no resource says more of. */
function customSource(
  { sourceURL, downloaderRef, version, name, secretRef }: DynamoModelSpec,
  notes: Notes,
): Expression {
  if (downloaderRef === undefined) {
    notes.refuse('spec.sourceURL', withoutCredentials(sourceURL), {
      allowed:
        "'hf://org/name', 's3://bucket/prefix', 'ngc://org/model', 'https://host/path', or any other with downloaderRef",
    });
  } else {
    notes.warn(
      'spec.downloaderRef',
      'DynamoModel never reads it. The downloader that is meant runs, by the contract of docs/custom-source.md.',
    );
  }
  if (secretRef !== undefined) {
    notes.refuse('spec.secretRef', secretRef, {
      allowed: 'nothing beside a downloader of your own, whose variables are not known here',
      advice: 'Leave it out, render, and give ModelSource.custom its secrets in code: to-code writes it.',
    });
  }
  const image = notes.ask('spec.downloaderRef', 'image', {
    given: downloaderRef,
    allowed: 'the image of the downloader, pinned by tag or digest',
    form: /^\S+(:(?!latest$)[\w][\w.-]*|@sha256:[0-9a-f]{64})$/,
    command: `kubectl get all,configmaps -A | grep ${downloaderRef ?? 'downloader'}`,
  });
  const command = notes.ask('spec.downloaderRef', 'command', {
    given: downloaderRef,
    allowed:
      'its command that fills the folder $(MODEL_DIR), as a JSON list: ["mlflow", "artifacts", "download", "-d", "$(MODEL_DIR)"]',
    form: /^\s*\[\s*"([^"\\]|\\.)*"(\s*,\s*"([^"\\]|\\.)*")*\s*\]\s*$/,
    command: `docker run --rm ${image === '' ? 'IMAGE' : image} --help`,
  });
  const told =
    version ??
    notes.ask('spec.version', 'version', {
      given: version,
      allowed: 'the version of the model that the command asks for, one that never changes',
      form: /^[^\p{Cc}]+$/u,
      command: `docker run --rm ${image === '' ? 'IMAGE' : image} --help`,
    });
  return call(
    'ModelSource.custom',
    object({
      image: literal(image),
      command: texts(command === '' ? [] : (JSON.parse(command) as string[])),
      version: literal(told),
      name: literal(name),
      env: object({
        SOURCE_URL: literal(sourceURL),
        MODEL_NAME: literal(name),
        MODEL_VERSION: literal(told),
      }),
    }),
  );
}
