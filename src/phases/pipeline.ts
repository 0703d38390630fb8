import { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { markPhaseChart } from '../pod/names';
import { InputError } from '../pod/input-error';
import { Phase, PHASES, phaseName } from './phase';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Beside the pipelines' folders lies what points GitOps tools at them. */
const GITOPS_FOLDER = 'gitops';

/** What a pipeline needs to be told. */
export interface PipelineProps {
  /** The namespace of all its objects. */
  readonly namespace: string;

  /**
   * Labels of all its objects, besides the standard ones.
   *
   * @default - the standard labels alone
   */
  readonly labels?: { [name: string]: string };
}

/**
 * All that one model needs, from source to endpoint: one Argo CD Application, one chain of Flux
 * Kustomizations. Made by `PhasedApp.pipeline()`.
 *
 * Its phases are charts; a construct is put in the phase in which it is to be applied. A phase without
 * objects is not written.
 */
export class Pipeline extends Construct {
  /** The name: the pipeline's folder, and the prefix of its objects' names. */
  public readonly name: string;

  /** The namespace of all its objects. */
  public readonly namespace: string;

  private readonly charts = new Map<Phase, Chart>();
  private readonly labels?: { [name: string]: string };

  /**
   * @param scope the app
   * @param id the pipeline's name, for instance the model's: `qwen3-1.7b`
   * @param props its namespace
   * @throws when the name or the namespace cannot be one in Kubernetes
   */
  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    this.name = id;
    const { namespace, labels } = props ?? {};
    this.namespace = namespace;
    this.labels = labels;
    if (id.length > 40 || !DNS_SUBDOMAIN.test(id) || id === GITOPS_FOLDER) {
      throw new InputError(this, 'name', id, {
        allowed:
          "at most 40 lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part " +
          `between dots, and not '${GITOPS_FOLDER}'`,
        advice: 'It names a folder, an Argo CD Application and Flux Kustomizations.',
      });
    }
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace ?? '')) {
      throw new InputError(this, 'namespace', namespace, {
        allowed: "at most 63 lower-case letters, digits and '-', with a letter or digit at both ends",
        advice: "Name the namespace in which the model lives, for instance { namespace: 'llm' }.",
      });
    }
  }

  /** Phase 10: what fetches the model. */
  public get download(): Chart {
    return this.phase(Phase.DOWNLOAD);
  }

  /** Phase 20: what fine-tunes it. */
  public get tune(): Chart {
    return this.phase(Phase.TUNE);
  }

  /** Phase 30: what converts it to the format of an engine. */
  public get convert(): Chart {
    return this.phase(Phase.CONVERT);
  }

  /** Phase 40: what serves it. */
  public get serve(): Chart {
    return this.phase(Phase.SERVE);
  }

  /** Phase 50: what asks the endpoint whether it works. */
  public get verify(): Chart {
    return this.phase(Phase.VERIFY);
  }

  /** The charts of the phases in use, in the order of the phases. @internal */
  public _phases(): { phase: Phase; chart: Chart }[] {
    return PHASES.flatMap((phase) => {
      const chart = this.charts.get(phase);
      return chart ? [{ phase, chart }] : [];
    });
  }

  private phase(phase: Phase): Chart {
    let chart = this.charts.get(phase);
    if (!chart) {
      chart = new Chart(this, phaseName(phase), { namespace: this.namespace, labels: this.labels });
      markPhaseChart(chart, phase);
      this.charts.set(phase, chart);
    }
    return chart;
  }
}
