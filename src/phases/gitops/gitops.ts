import { MirrorRules, NO_MIRROR } from '../../mirror/rules';
import type { OutputFile, PipelineView } from '../views';
import { ArgoCd, type ArgoCdProps } from './argocd';
import { Flux, type FluxProps } from './flux';
import { Kubectl } from './kubectl';

/** What a tool makes of the pipelines. @internal */
export interface GitOpsTool {
  /** As a person writes it. */
  readonly title: string;
  render(pipelines: readonly PipelineView[], stringify: Stringify, mirror: MirrorRules): OutputFile[];
}

/** Writes objects as one YAML file. @internal */
export type Stringify = (objects: readonly unknown[]) => string;

/**
 * A tool that applies the pipelines to a cluster, phase by phase. What it needs to find them is written to
 * `gitops/<tool>/` of the output. A `PhasedApp` takes one of each, in any combination.
 */
export class GitOps {
  /**
   * Argo CD: one Application for each pipeline, or one ApplicationSet for all of them.
   *
   * Needs Argo CD 3.2 or newer, access to the repository, and an AppProject that allows the kinds used. The
   * option `controller.sync.timeout.seconds` must be 0 (as it is by default) or longer than the longest Job.
   *
   * @param props where the files will be and where they go
   * @throws when a value cannot be right
   */
  public static argoCd(props: ArgoCdProps): GitOps {
    return new GitOps(new ArgoCd(props));
  }

  /**
   * Flux: one Kustomization for each phase of each pipeline, each depending on the one before it.
   *
   * @param props where Flux finds the files
   * @throws when a value cannot be right
   */
  public static flux(props: FluxProps): GitOps {
    return new GitOps(new Flux(props));
  }

  /** kubectl: a script, `apply.sh`, that applies one phase after the other and waits for the Jobs of each. */
  public static kubectl(): GitOps {
    return new GitOps(new Kubectl());
  }

  private constructor(private readonly tool: GitOpsTool) {}

  /** The tool's name, for people. @internal */
  public get _title(): string {
    return this.tool.title;
  }

  /** The files for these pipelines. @internal */
  public _render(
    pipelines: readonly PipelineView[],
    stringify: Stringify,
    mirror: MirrorRules = NO_MIRROR,
  ): OutputFile[] {
    const written = pipelines.filter((pipeline) => pipeline.phases.length > 0);
    return this.tool.render(written, stringify, mirror);
  }
}
