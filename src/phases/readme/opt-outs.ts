import { ANNOTATION } from '../../pod/metadata';
import { waivers } from '../../validation/waivers';
import { code, table, text } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

/** The departures from Pod Security `restricted`, and from single checks, of all pipelines. @internal */
export class OptOuts {
  private readonly rows: string[][] = [];
  private readonly waived: string[][] = [];

  public add(pipeline: PipelineModel): void {
    for (const entry of pipeline.set.entries) {
      const template = pipeline.set.podOf(entry)?.template.metadata?.annotations;
      const said =
        entry.annotations[ANNOTATION.podSecurityOptOut] ?? template?.[ANNOTATION.podSecurityOptOut];
      if (said !== undefined) this.rows.push([code(pipeline.name), entryText(entry), text(said)]);
      for (const [rule, reason] of waivers(entry)) {
        this.waived.push([code(pipeline.name), entryText(entry), code(rule), text(reason)]);
      }
    }
  }

  public table(): string {
    return table(['pipeline', 'object', 'what and why'], this.rows, 'None.') + this.waivers();
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
