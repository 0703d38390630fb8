import type { Construct } from 'constructs';
import { checkModelArtifact } from '../artifact/artifact';
import { ArtifactFormat } from '../artifact/format';
import { atLeastVersion } from '../engines/vllm/version';
import { InputError } from '../pod/input-error';
import type { ArtifactRole, MountedArtifacts } from '../serving/mounted-artifacts';
import type { LoraAdapterProps, VllmServerProps } from './vllm-server-props';

/** GGUF files are read by a plugin since, which the images do not have (#39612). */
const GGUF_UNTIL = '0.24.0';

/** @throws when a name cannot be one, or is given twice; when an adapter is no artifact @internal */
export function checkAdapters(scope: Construct, adapters: LoraAdapterProps[] = []): LoraAdapterProps[] {
  const names = new Set<string>();
  adapters.forEach(({ name, adapter }, index) => {
    // They stand before a '=' in an argument, and JSON begins with '{'.
    if (typeof name !== 'string' || !/^[A-Za-z0-9][\w./:-]{0,127}$/.test(name)) {
      throw new InputError(scope, `adapters[${index}].name`, name, {
        allowed: "at most 128 letters, digits, '.', '_', '/', ':' and '-', with a letter or digit first",
      });
    }
    if (names.has(name)) {
      throw new InputError(scope, `adapters[${index}].name`, name, { allowed: 'each name once' });
    }
    names.add(name);
    checkModelArtifact(
      scope,
      `adapters[${index}].adapter`,
      adapter,
      'Give the .artifact of the ModelCache of the adapter.',
    );
  });
  return adapters;
}

/** The artifacts that the server reads, the model first. @internal */
export function rolesOf(props: VllmServerProps, adapters: LoraAdapterProps[]): ArtifactRole[] {
  const draft = props.speculative?._model;
  return [
    { role: 'model', artifact: props.model },
    ...adapters.map(({ name, adapter }) => ({ role: `adapter ${name}`, artifact: adapter })),
    ...(draft ? [{ role: 'draft', artifact: draft }] : []),
  ];
}

/** @throws when a name cannot be one, or is given twice @internal */
export function checkModelNames(
  scope: Construct,
  props: VllmServerProps,
  adapters: LoraAdapterProps[],
): string[] {
  const names = props.servedModelNames ?? [props.model.provenance.repository];
  if (names.length === 0) {
    throw new InputError(scope, 'servedModelNames', names, { allowed: 'at least one name' });
  }
  const taken = new Set(adapters.map(({ name }) => name));
  names.forEach((name, index) => {
    if (typeof name !== 'string' || !/^[^\s-]\S*$/.test(name)) {
      throw new InputError(scope, `servedModelNames[${index}]`, name, {
        allowed: "a name without spaces, with no '-' at the start",
      });
    }
    if (taken.has(name)) {
      throw new InputError(scope, `servedModelNames[${index}]`, name, {
        allowed: 'a name that no other model or adapter has',
      });
    }
    taken.add(name);
  });
  return names;
}

/**
 * What `vllm serve` is to read: a folder, or a GGUF file.
 *
 * @throws when the version cannot read it
 * @internal
 */
export function modelPath(
  scope: Construct,
  props: VllmServerProps,
  version: string,
  artifacts: MountedArtifacts,
): string {
  const { model } = props;
  const folder = artifacts.folderOf(model);
  const file = props.modelFile ?? (model.format === ArtifactFormat.GGUF ? model.modelFile : undefined);
  if (model.format === ArtifactFormat.DLLAMA) {
    throw new InputError(scope, 'model', `an artifact of format '${model.format}'`, {
      allowed: 'files as on Hugging Face, or one GGUF file',
      advice: 'Give the artifact that it was converted from.',
    });
  }
  if (model.format === ArtifactFormat.LORA) {
    throw new InputError(scope, 'model', 'an adapter', {
      allowed: 'the model that it was trained on',
      advice: "Serve it beside that: adapters: [{ name: 'support', adapter }].",
    });
  }
  if (model.format === ArtifactFormat.HUGGING_FACE) {
    if (file === undefined) return folder;
    if (!file.endsWith('.gguf')) {
      throw new InputError(scope, 'modelFile', file, {
        allowed: 'a GGUF file, or nothing: files as on Hugging Face are read as a folder',
      });
    }
  }
  if (atLeastVersion(version, GGUF_UNTIL)) {
    throw new InputError(scope, 'model', 'a GGUF file', {
      allowed: `files as on Hugging Face: vLLM ${GGUF_UNTIL} and newer read GGUF by a plugin alone`,
      advice: 'Serve it with LlamaServer, or pin an older image of vLLM.',
    });
  }
  if (file === undefined || !/^[^/].*\.gguf$/.test(file) || file.split('/').includes('..')) {
    throw new InputError(scope, 'modelFile', file, {
      allowed: 'the path of a GGUF file in the artifact',
      advice: 'Name the one file that is to be served.',
    });
  }
  if (/-\d{5}-of-\d{5}\.gguf$/.test(file)) {
    throw new InputError(scope, 'modelFile', file, {
      allowed: 'a GGUF file that is not split, as vLLM reads one alone',
      advice: 'Serve it with LlamaServer, or merge it with llama.cpp.',
    });
  }
  return `${folder}/${file}`;
}
