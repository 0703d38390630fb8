import * as fs from 'node:fs';
import type { IConfigMap } from 'cdk8s-plus-28';
import { checkKind } from '../pod/checks';
import { InputError } from '../pod/input-error';
import type { EngineFile } from '../serving/engine-spec';

/** Where a chat template is. Plain data. @internal */
export type ChatTemplateSpec =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'config-map'; readonly configMap: string; readonly key: string };

/** The Jinja template by which a conversation becomes a prompt, for models whose tokenizer has none or a wrong one. */
export class ChatTemplate {
  /**
   * The template itself. It goes into a ConfigMap that is named after its content, so that a change of it starts the
   * pods anew.
   *
   * @throws when it is empty
   */
  public static text(text: string): ChatTemplate {
    if (typeof text !== 'string' || text.trim() === '') {
      throw new InputError('ChatTemplate.text', 'text', text, { allowed: 'a Jinja template' });
    }
    return new ChatTemplate({ kind: 'text', text });
  }

  /**
   * A file, read at synth.
   *
   * @param path relative to the working directory
   * @throws when the file cannot be read, or is empty
   */
  public static file(path: string): ChatTemplate {
    let text: string;
    try {
      text = fs.readFileSync(path, 'utf8');
    } catch (error) {
      throw new InputError('ChatTemplate.file', 'path', path, {
        allowed: `a file that can be read (${(error as Error).message})`,
      });
    }
    return ChatTemplate.text(text);
  }

  /**
   * A key of a ConfigMap that somebody else makes. A change of it is seen by pods that start later alone.
   *
   * @throws when it is no ConfigMap, or the key is none
   */
  public static configMap(configMap: IConfigMap, key: string): ChatTemplate {
    const where = 'ChatTemplate.configMap';
    checkKind(where, 'configMap', configMap, ({ name }) => typeof name === 'string' && name !== '', {
      allowed: 'a ConfigMap of cdk8s-plus',
      advice: "Name one that exists: ConfigMap.fromConfigMapName(scope, 'id', 'its-name').",
    });
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
      throw new InputError(where, 'key', key, { allowed: "letters, digits, '-', '_' and '.'" });
    }
    return new ChatTemplate({ kind: 'config-map', configMap: configMap.name, key });
  }

  private constructor(
    /** @internal */
    public readonly _spec: ChatTemplateSpec,
  ) {}
}

/** The file of an engine's container that the template is. @internal */
export interface ChatTemplatePlace {
  /** Of the volume. */
  readonly name: string;
  readonly folder: string;
  readonly file: string;
}

/** The template as a file of the container. @internal */
export function chatTemplateFiles(
  template: ChatTemplate | undefined,
  { name, folder, file }: ChatTemplatePlace,
): EngineFile[] {
  if (template === undefined) return [];
  const spec = template._spec;
  return spec.kind === 'text'
    ? [{ name, folder, texts: { [file]: spec.text } }]
    : [{ name, folder, configMap: spec.configMap, items: [{ key: spec.key, path: file }] }];
}
