import { ANNOTATION } from '../../pod/metadata';
import { code, table, text } from './markdown';
import { entryText, type PipelineModel } from './pipeline-model';

/** The departures from Pod Security `restricted` of all pipelines. @internal */
export class OptOuts {
  private readonly rows: string[][] = [];

  public add(pipeline: PipelineModel): void {
    for (const entry of pipeline.set.entries) {
      const said = entry.annotations[ANNOTATION.podSecurityOptOut];
      if (said !== undefined) this.rows.push([code(pipeline.name), entryText(entry), text(said)]);
    }
  }

  public table(): string {
    return table(['pipeline', 'object', 'what and why'], this.rows, 'None.');
  }
}
