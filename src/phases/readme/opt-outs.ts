import { ANNOTATION } from '../../pod/metadata';
import { waivers } from '../../validation/waivers';
import { code, table, text } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

/** What this library asks of pods besides: the profile lets them write to their root file system. */
const BESIDES_RESTRICTED = 'readOnlyRootFilesystem';

/** The departures from Pod Security `restricted`, and from single checks, of all pipelines. @internal */
export class OptOuts {
  private readonly rows: string[][] = [];
  private readonly waived: string[][] = [];
  private writableRoots = false;

  public add(pipeline: PipelineModel): void {
    for (const entry of pipeline.set.entries) {
      const template = pipeline.set.podOf(entry)?.template.metadata?.annotations;
      const said =
        entry.annotations[ANNOTATION.podSecurityOptOut] ?? template?.[ANNOTATION.podSecurityOptOut];
      if (said !== undefined) {
        this.rows.push([code(pipeline.name), entryText(entry), text(said)]);
        this.writableRoots ||= said.includes(`${BESIDES_RESTRICTED}: `);
      }
      for (const [rule, reason] of waivers(entry)) {
        this.waived.push([code(pipeline.name), entryText(entry), code(rule), text(reason)]);
      }
    }
  }

  public table(): string {
    return table(['pipeline', 'object', 'what and why'], this.rows, 'None.') + this.note() + this.waivers();
  }

  private note(): string {
    if (!this.writableRoots) return '';
    return `\n${code('restricted')} does not ask for ${code(BESIDES_RESTRICTED)}: pods that depart from it alone pass the profile.\n`;
  }

  private waivers(): string {
    if (this.waived.length === 0) return '';
    return `\nChecks that objects are excused from by the annotation ${code(ANNOTATION.skipChecks)}:\n\n${table(
      ['pipeline', 'object', 'check', 'why'],
      this.waived,
      'None.',
    )}`;
  }
}
