import { Duration } from 'cdk8s';
import { Kustomization, KustomizationSpecSourceRefKind } from '../../../imports/kustomize.toolkit.fluxcd.io';
import { checkKind, checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { ANNOTATION, LABEL, MANAGED_BY } from '../../pod/metadata';
import { OutputFile, PhaseView, PipelineView, queuedJobs } from '../views';
import type { GitOpsTool, Stringify } from './gitops';
import { below, fluxDuration, namespaceName, objectName, repositoryPath } from './input';

const WHERE = 'GitOps.flux';

/** The name of the file with the namespaces. */
const NAMESPACES = 'namespaces';

/** What Flux itself gives as the least `interval`. */
const MIN_INTERVAL = 60;

/** A dependency is looked at every 30 seconds; what is shorter only costs. */
const MIN_RETRY_INTERVAL = 30;
const MIN_TIMEOUT = 30;

/** Where Flux gets the repository's files from: a source object that is in the cluster already. */
export class FluxSourceRef {
  /**
   * A GitRepository.
   *
   * @param name its name; `flux-system` is the one that `flux bootstrap` makes
   * @param namespace its namespace, where it is not that of the Kustomizations
   */
  public static gitRepository(name: string, namespace?: string): FluxSourceRef {
    return new FluxSourceRef(KustomizationSpecSourceRefKind.GIT_REPOSITORY, name, namespace);
  }

  /**
   * An OCIRepository.
   *
   * @param name its name
   * @param namespace its namespace, where it is not that of the Kustomizations
   */
  public static ociRepository(name: string, namespace?: string): FluxSourceRef {
    return new FluxSourceRef(KustomizationSpecSourceRefKind.OCI_REPOSITORY, name, namespace);
  }

  /**
   * A Bucket.
   *
   * @param name its name
   * @param namespace its namespace, where it is not that of the Kustomizations
   */
  public static bucket(name: string, namespace?: string): FluxSourceRef {
    return new FluxSourceRef(KustomizationSpecSourceRefKind.BUCKET, name, namespace);
  }

  /** As a Kustomization writes it. @internal */
  public readonly _ref: { kind: KustomizationSpecSourceRefKind; name: string; namespace?: string };

  private constructor(kind: KustomizationSpecSourceRefKind, name: string, namespace?: string) {
    this._ref = {
      kind,
      name: objectName(`${WHERE}: FluxSourceRef`, 'name', name),
      ...(namespace === undefined
        ? {}
        : { namespace: namespaceName(`${WHERE}: FluxSourceRef`, 'namespace', namespace) }),
    };
  }
}

/** Where Flux finds the files, and how it applies them. */
export interface FluxProps {
  /**
   * The source that holds this app's output. All phases take from it, so that they move from commit to commit
   * together.
   */
  readonly sourceRef: FluxSourceRef;

  /**
   * The folder of the source that holds this app's output.
   *
   * @default 'dist'
   */
  readonly path?: string;

  /**
   * Time between two comparisons of cluster and source, at least a minute. A new commit does not wait for it.
   *
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;

  /**
   * Time until the next attempt after one that failed or found a Job still running, at least 30 seconds.
   *
   * @default Duration.minutes(1)
   */
  readonly retryInterval?: Duration;

  /**
   * How long one attempt waits for its Jobs and servers, at least 30 seconds. A timeout stops no Job: the next
   * attempt waits on. As long as it lasts it holds one of the controller's workers (4 by default) and a new
   * commit waits, so it should stay short even for Jobs of many hours.
   *
   * @default Duration.minutes(5)
   */
  readonly timeout?: Duration;

  /**
   * The namespace that the Kustomizations are in.
   *
   * @default 'flux-system'
   */
  readonly fluxNamespace?: string;

  /**
   * The service account, in `fluxNamespace`, in whose name the objects are applied.
   *
   * @default - that of the controller
   */
  readonly serviceAccountName?: string;
}

/** @internal */
export class Flux implements GitOpsTool {
  public readonly title = 'Flux';

  private readonly sourceRef: FluxSourceRef;
  private readonly path: string;
  private readonly interval: string;
  private readonly retryInterval: string;
  private readonly timeout: string;
  private readonly fluxNamespace: string;
  private readonly serviceAccountName?: string;

  constructor(props: FluxProps) {
    checkProps(WHERE, props);
    this.sourceRef = checkKind(WHERE, 'sourceRef', props.sourceRef, ({ _ref }) => typeof _ref === 'object', {
      allowed: 'a FluxSourceRef',
      advice: "Make one: FluxSourceRef.gitRepository('models').",
    });
    this.path = repositoryPath(WHERE, props.path ?? 'dist');
    this.interval = fluxDuration(WHERE, 'interval', props.interval ?? Duration.hours(1), MIN_INTERVAL);
    this.retryInterval = fluxDuration(
      WHERE,
      'retryInterval',
      props.retryInterval ?? Duration.minutes(1),
      MIN_RETRY_INTERVAL,
    );
    this.timeout = fluxDuration(WHERE, 'timeout', props.timeout ?? Duration.minutes(5), MIN_TIMEOUT);
    this.fluxNamespace = namespaceName(WHERE, 'fluxNamespace', props.fluxNamespace ?? 'flux-system');
    if (props.serviceAccountName !== undefined) {
      this.serviceAccountName = objectName(WHERE, 'serviceAccountName', props.serviceAccountName);
    }
  }

  public render(pipelines: readonly PipelineView[], stringify: Stringify): OutputFile[] {
    const files = pipelines.map((pipeline) => {
      if (pipeline.name === NAMESPACES) {
        throw new InputError(WHERE, 'pipeline', pipeline.name, {
          allowed: `any name but '${NAMESPACES}', which is a file beside the pipelines'`,
          advice: 'Name the pipeline after its model.',
        });
      }
      checkQueues(pipeline);
      return file(pipeline.name, stringify(this.chain(pipeline)));
    });
    const namespaces = namespaceObjects(pipelines);
    return namespaces.length > 0 ? [file(NAMESPACES, stringify(namespaces)), ...files] : files;
  }

  /** One Kustomization a phase. A phase without objects has none, and the chain closes over it. */
  private chain(pipeline: PipelineView): unknown[] {
    return pipeline.phases.map((phase, index) =>
      this.kustomization(pipeline, phase, pipeline.phases[index - 1]),
    );
  }

  private kustomization(pipeline: PipelineView, phase: PhaseView, before: PhaseView | undefined): unknown {
    return Kustomization.manifest({
      metadata: {
        name: kustomizationName(pipeline, phase),
        namespace: this.fluxNamespace,
        labels: { [LABEL.managedBy]: MANAGED_BY },
      },
      spec: {
        ...(before ? { dependsOn: [{ name: kustomizationName(pipeline, before) }] } : {}),
        sourceRef: this.sourceRef._ref,
        path: `./${below(this.path, pipeline.name, phase.folder)}`,
        interval: this.interval,
        retryInterval: this.retryInterval,
        timeout: this.timeout,
        prune: true,
        wait: true,
        // True would delete and make anew whatever the cluster refuses to change, claims among it.
        force: false,
        serviceAccountName: this.serviceAccountName,
      },
    });
  }
}

/**
 * Flux takes a suspended Job for ready, and no `healthCheckExprs` change that: its own reader of Jobs comes before them
 * (kustomize-controller 1.9.4, kustomization_controller.go: getClientAndPoller; fluxcd/pkg, statusreaders/job.go).
 */
function checkQueues(pipeline: PipelineView): void {
  const gating = queuedJobs(pipeline).find(({ gates }) => gates);
  if (gating === undefined) return;
  throw new InputError(WHERE, 'queueName', `${gating.queue} of Job ${gating.name}`, {
    allowed: `no queue for a Job that a later phase of ${pipeline.name} waits for`,
    advice:
      'Kueue suspends the Job until it is admitted, Flux takes a suspended Job for complete, and the next phase would ' +
      'hold its devices while the Job waits for them. Leave queueName out, or apply the pipeline by GitOps.argoCd or ' +
      'GitOps.kubectl.',
  });
}

function kustomizationName(pipeline: PipelineView, phase: PhaseView): string {
  return `${pipeline.name}-${phase.folder}`;
}

/** Flux applies to namespaces and makes none. `default` is in every cluster. */
function namespaceObjects(pipelines: readonly PipelineView[]): unknown[] {
  const names = new Set(pipelines.map((pipeline) => pipeline.namespace));
  names.delete('default');
  return [...names].sort().map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { [LABEL.managedBy]: MANAGED_BY },
      // A namespace takes everything in it along.
      annotations: { [ANNOTATION.fluxPrune]: 'disabled' },
    },
  }));
}

function file(name: string, content: string): OutputFile {
  return { path: `gitops/flux/${name}.yaml`, content };
}
