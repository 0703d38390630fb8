import type { Construct } from 'constructs';
import { Artifact, checkModelArtifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { isPattern, LLAMA_SCRIPTS_FOLDER, LlamaFileArgument, llamaScripts } from '../engines/llama/launcher';
import { compareLlamaVersions } from '../engines/llama/version';
import { checkList, checkOptions } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { EngineFile, EngineSpec } from '../serving/engine-spec';
import type { ArtifactRole, MountedArtifacts } from '../serving/mounted-artifacts';
import { chatTemplateFiles } from './chat-template';
import type { LlamaAdapter, LlamaDraft, LlamaFile, LlamaServerProps } from './llama-server-props';

const KEY_FOLDER = '/etc/llama-server/key';
/** Where the container has the API keys. @internal */
export const KEY_FILE = `${KEY_FOLDER}/api-keys`;

const TEMPLATE = { name: 'template', folder: '/etc/llama-server/template', file: 'chat-template.jinja' };
/** Where the container has the chat template. @internal */
export const TEMPLATE_FILE = `${TEMPLATE.folder}/${TEMPLATE.file}`;

/** From here on several adapters and scales are one argument (`--lora-scaled FNAME:SCALE,...`). */
const JOINED_ADAPTERS = 'b7348';

const FILE: Record<keyof LlamaFile, true> = { model: true, file: true, fileSize: true };
const ADAPTER: Record<keyof LlamaAdapter, true> = { ...FILE, scale: true };
const DRAFT: Record<keyof LlamaDraft, true> = { ...FILE, maxTokens: true, minTokens: true };

/**
 * That files are objects of what files have. Called before one of them is read.
 *
 * @throws when one is not
 * @internal
 */
export function checkFileOptions(scope: Construct, { adapters, projector, draft }: LlamaServerProps): void {
  checkList(scope, 'adapters', adapters).forEach((adapter, index) =>
    checkOptions(scope, `adapters[${index}]`, adapter, ADAPTER),
  );
  if (projector !== undefined) checkOptions(scope, 'projector', projector, FILE);
  if (draft !== undefined) checkOptions(scope, 'draft', draft, DRAFT);
}

/**
 * Repositories of Hugging Face may have GGUF files beside others: then the file is named.
 *
 * @throws when it has none
 * @internal
 */
export function checkGguf(scope: Construct, field: string, given: Artifact, file?: string): Artifact {
  const artifact = checkModelArtifact(scope, field, given);
  const named = artifact.format === ArtifactFormat.HUGGING_FACE && String(file).endsWith('.gguf');
  if (artifact.format === ArtifactFormat.GGUF || named) return artifact;
  throw new InputError(scope, field, `an artifact of format '${artifact.format}'`, {
    allowed: `an artifact of format '${ArtifactFormat.GGUF}', or a file of it that ends in '.gguf'`,
    advice:
      'llama-server reads GGUF files: convert it by GgufConversion, or fetch a repository that has them.',
  });
}

/**
 * Every artifact by what it is to the server; the artifact of a file is the model's where none is said.
 *
 * @throws when one has no GGUF files
 * @internal
 */
export function rolesOf(scope: Construct, props: LlamaServerProps, model: Artifact): ArtifactRole[] {
  const roles: ArtifactRole[] = [{ role: 'model', artifact: model }];
  const add = (role: string, field: string, file: LlamaFile | undefined) => {
    if (file?.model && file.model !== model)
      roles.push({ role, artifact: checkGguf(scope, field, file.model, file.file) });
  };
  (props.adapters ?? []).forEach((adapter, index) =>
    add(`adapter ${index}`, `adapters[${index}].model`, adapter),
  );
  add('projector', 'projector.model', props.projector);
  add('draft', 'draft.model', props.draft);
  return roles;
}

/**
 * The files that the server is started with.
 *
 * @throws when a path cannot be one, or the version cannot have several adapters
 * @internal
 */
export function filesOf(
  scope: Construct,
  props: LlamaServerProps,
  artifacts: MountedArtifacts,
  version: string,
): LlamaFileArgument[] {
  const { model, adapters = [], projector, draft } = props;
  const fileOf = (given: LlamaFile) => given.file ?? (given.model ?? model).modelFile ?? '*.gguf';
  const modelFile = fileOf(props);
  const file = (flag: string, field: string, given: LlamaFile, suffix = ''): LlamaFileArgument => {
    const artifact = given.model ?? model;
    if (given !== props && artifact === model && (given.file === undefined || given.file === modelFile)) {
      throw new InputError(scope, field, given.file, {
        allowed: `a file beside the model's own, '${modelFile}', or one of another artifact`,
        advice: `Name it: file: '<path in the artifact>.gguf', or give the artifact that has it as its 'model'.`,
      });
    }
    return {
      flag,
      folder: artifacts.folderOf(artifact),
      file: checkFile(scope, field, fileOf(given)),
      suffix,
    };
  };
  checkAdapters(scope, adapters, version);
  const scaled = adapters.some(({ scale }) => scale !== undefined);
  return [
    file('--model', 'file', props),
    ...adapters.map((adapter, index) =>
      file(
        scaled ? '--lora-scaled' : '--lora',
        `adapters[${index}].file`,
        adapter,
        scaled ? `:${adapter.scale ?? 1}` : '',
      ),
    ),
    ...(projector ? [file('--mmproj', 'projector.file', projector)] : []),
    ...(draft ? [file('--model-draft', 'draft.file', draft)] : []),
  ];
}

function checkAdapters(scope: Construct, adapters: readonly LlamaAdapter[], version: string): void {
  adapters.forEach(({ scale }, index) => {
    if (scale !== undefined && !(Number.isFinite(scale) && Math.abs(scale) <= 1000)) {
      throw new InputError(scope, `adapters[${index}].scale`, scale, { allowed: 'a number' });
    }
  });
  const joined = adapters.length > 1 || adapters.some(({ scale }) => scale !== undefined);
  if (!joined || compareLlamaVersions(version, JOINED_ADAPTERS) >= 0) return;
  throw new InputError(scope, 'adapters', `${adapters.length} with llama-server ${version}`, {
    allowed: `one adapter without a scale before ${JOINED_ADAPTERS}`,
    advice: 'Pin a newer image.',
  });
}

function checkFile(scope: Construct, field: string, file: string): string {
  const parts = typeof file === 'string' ? file.split('/') : [''];
  if (!parts.some((part) => part === '' || part === '.' || part === '..') && /^[^\n,"]{1,255}$/.test(file)) {
    const last = parts.at(-1) as string;
    const part = /-(\d{5})-of-\d{5}\.gguf$/.exec(last)?.[1];
    if (part === undefined || part === '00001' || isPattern(last)) return file;
    throw new InputError(scope, field, file, {
      allowed: 'the first part of a model that is split',
      advice: `Name '${file.replace(`-${part}-of-`, '-00001-of-')}': llama-server finds the others itself.`,
    });
  }
  throw new InputError(scope, field, file, {
    allowed: "a path in the artifact, or a pattern with '*' and '?', without '..', ',' and quotes",
  });
}

/**
 * What is mounted beside the models: those scripts that run, a chat template, keys.
 *
 * @param commands of the container and of its hooks
 * @internal
 */
export function engineFiles(
  props: LlamaServerProps,
  apiKey: EngineSpec['apiKey'],
  commands: readonly string[],
): EngineFile[] {
  const scripts = llamaScripts(commands);
  return [
    ...(Object.keys(scripts).length
      ? [{ name: 'scripts', folder: LLAMA_SCRIPTS_FOLDER, texts: scripts }]
      : []),
    ...chatTemplateFiles(props.chatTemplate, TEMPLATE),
    ...(apiKey
      ? [
          {
            name: 'api-key',
            folder: KEY_FOLDER,
            secret: apiKey.secret,
            items: [{ key: apiKey.key, path: 'api-keys' }],
          },
        ]
      : []),
  ];
}
