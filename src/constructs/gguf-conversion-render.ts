import { hasMarker } from '../artifact/stores/store-volume';
import { devicesOfLlamaImage, LLAMA_FOLDER } from '../engines/llama/images';
import { python } from '../pod/guard';
import type { ContainerSpec } from '../pod/pod-spec';
import { bytesOf, mebibytesFor } from '../pod/quantity';
import { CONVERSION_LOGS, outputFolder, outputScratch } from './conversion-output';
import { conversionMounts, renderConversion } from './conversion-render';
import type { GgufConversionSpec, GgufVolumes } from './gguf-conversion-spec';

const PROGRAM = 'gguf_convert.py';

/** Adds the Job, its NetworkPolicy and its programs. @internal */
export function renderGgufConversion(spec: GgufConversionSpec & GgufVolumes): void {
  renderConversion({
    ...spec,
    // That of CUDA has the same tools, and computes on CPUs here.
    mayAskForDevices: !devicesOfLlamaImage(spec.image)?.includes('cpu'),
    programs: [PROGRAM],
    preparation: [],
    convert: convertContainer(spec),
    volumes: [],
    ports: [],
  });
}

function convertContainer(spec: GgufConversionSpec & GgufVolumes): ContainerSpec {
  const { model, adapterOf, importanceMatrix, artifact, inputs, output } = spec;
  const needed = artifact.bytes && artifact.bytes + spec.passing;
  return {
    name: 'convert',
    image: spec.image,
    command: python(PROGRAM),
    args: [
      `--input=${inputs.folderOf(model)}`,
      `--input-key=${model.key}`,
      ...inputs.all
        .filter(({ volume }) => !hasMarker(volume))
        .map((input) => `--unmarked=${input.artifact.key}`),
      `--output=${outputFolder(output, artifact)}`,
      `--key=${artifact.key}`,
      `--name=${spec.fileName}`,
      `--model-name=${spec.name}`,
      `--type=${spec.weights}`,
      ...(spec.intermediate ? [`--intermediate=${spec.intermediate}`] : []),
      ...(importanceMatrix
        ? [
            `--imatrix=${importanceMatrix.file}`,
            `--imatrix-dir=${inputs.folderOf(importanceMatrix.model)}`,
            `--imatrix-key=${importanceMatrix.model.key}`,
          ]
        : []),
      ...(adapterOf ? [`--base=${inputs.folderOf(adapterOf)}`, `--base-key=${adapterOf.key}`] : []),
      ...(spec.maxFileMegabytes ? [`--max-file-mb=${spec.maxFileMegabytes}`] : []),
      ...(needed ? [`--needs-bytes=${needed}`] : []),
      `--threads=${spec.threads}`,
      `--version=${spec.version}`,
      `--tools=${LLAMA_FOLDER}`,
    ],
    mounts: conversionMounts(inputs, output),
    resources: {
      cpu: String(spec.threads),
      memory: spec.memory,
      storage: mebibytesFor(bytesOf(CONVERSION_LOGS) + outputScratch(output)),
    },
  };
}
