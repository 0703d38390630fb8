import { Application, ApplicationSet, type ApplicationSpec } from '../../../imports/argoproj.io';
import type { MirrorRules } from '../../mirror/rules';
import { checkProps } from '../../pod/checks';
import { InputError } from '../../pod/input-error';
import { LABEL, MANAGED_BY } from '../../pod/metadata';
import { OutputFile, PipelineView, queuedJobs } from '../views';
import type { GitOpsTool, Stringify } from './gitops';
import { below, namespaceName, objectName, repositoryPath } from './input';
import { JOB_HEALTH_FILE, jobHealthPatch } from './job-health';

/** The folder of the output that holds what the tools read; never a pipeline. */
const GITOPS_FOLDER = 'gitops';

/** By this finalizer the deletion of an Application deletes all its objects. */
const CASCADE_FINALIZER = 'resources-finalizer.argocd.argoproj.io';

const WHERE = 'GitOps.argoCd';

/**
 * What Kueue sets in a Job that it admits, and nobody can change while the Job runs; maps, to which it adds the keys of
 * the ResourceFlavor, Argo CD compares by our keys alone. A Job of ours that is to have other ones has another name.
 */
const SET_BY_KUEUE = {
  group: 'batch',
  kind: 'Job',
  jsonPointers: ['/spec/suspend', '/spec/template/spec/tolerations'],
};

/** The cluster that an Application is applied to. */
export class ArgoCdDestination {
  /** The cluster that Argo CD itself runs in. */
  public static inCluster(): ArgoCdDestination {
    return new ArgoCdDestination({ server: 'https://kubernetes.default.svc' });
  }

  /**
   * The cluster of an API server.
   *
   * @param url address of the API server as registered in Argo CD, such as `https://10.0.0.1:6443`
   * @throws when it is not an https address
   */
  public static server(url: string): ArgoCdDestination {
    if (!/^https:\/\/[^\s/@]+(\/\S*)?$/.test(url)) {
      throw new InputError(`${WHERE}: ArgoCdDestination.server`, 'url', url, {
        allowed: 'an https:// address without user or password',
        advice: 'Give the SERVER that `argocd cluster list` prints, or use ArgoCdDestination.cluster(name).',
      });
    }
    return new ArgoCdDestination({ server: url });
  }

  /**
   * A cluster by its name.
   *
   * @param name the NAME that `argocd cluster list` prints
   * @throws when it is empty
   */
  public static cluster(name: string): ArgoCdDestination {
    if (typeof name !== 'string' || name.trim() === '') {
      throw new InputError(`${WHERE}: ArgoCdDestination.cluster`, 'name', name, {
        allowed: 'the name of a cluster in Argo CD',
        advice: 'Give the NAME that `argocd cluster list` prints.',
      });
    }
    return new ArgoCdDestination({ name });
  }

  private constructor(private readonly cluster: { server: string } | { name: string }) {}

  /** As an Application writes it. @internal */
  public _render(namespace: string): { server?: string; name?: string; namespace: string } {
    return { ...this.cluster, namespace };
  }
}

/** How the Applications come about. */
export class ArgoCdMode {
  /** One Application for each pipeline, each in a file of its own. */
  public static applications(): ArgoCdMode {
    return new ArgoCdMode();
  }

  /**
   * One ApplicationSet that makes an Application for each pipeline's folder in the repository: for many
   * pipelines.
   *
   * When all pipelines share a namespace and `path` is not the repository's root, it takes every folder of
   * the output, and so it finds a new pipeline by itself. Otherwise it lists the folders, and must be applied
   * again when a pipeline is added.
   *
   * @param name name of the ApplicationSet; another for each app whose ApplicationSet is in the same Argo CD
   * @throws when the name cannot be one in Kubernetes
   */
  public static applicationSet(name: string): ArgoCdMode {
    return new ArgoCdMode(objectName(`${WHERE}: ArgoCdMode.applicationSet`, 'name', name));
  }

  /** @internal */
  public readonly _applicationSet?: string;

  private constructor(applicationSet?: string) {
    this._applicationSet = applicationSet;
  }
}

/** Where Argo CD finds the files, and where it applies them. */
export interface ArgoCdProps {
  /**
   * Address of the Git repository that the output is committed to, without user or password: those are in a
   * Secret of Argo CD.
   */
  readonly repoUrl: string;

  /**
   * Branch, tag or commit of the repository.
   *
   * @default 'HEAD', the repository's default branch
   */
  readonly targetRevision?: string;

  /**
   * The folder of the repository that holds this app's output.
   *
   * @default 'dist'
   */
  readonly path?: string;

  /**
   * The AppProject of the Applications.
   *
   * @default 'default'
   */
  readonly project?: string;

  /**
   * The cluster that the pipelines are applied to.
   *
   * @default ArgoCdDestination.inCluster()
   */
  readonly destination?: ArgoCdDestination;

  /**
   * The namespace that the Applications are in.
   *
   * @default 'argocd'
   */
  readonly argoNamespace?: string;

  /**
   * One Application for each pipeline, or an ApplicationSet.
   *
   * @default ArgoCdMode.applications()
   */
  readonly mode?: ArgoCdMode;

  /**
   * Whether the deletion of an Application deletes its objects. Claims with artifacts stay either way.
   *
   * @default false
   */
  readonly cascadeDelete?: boolean;
}

/** @internal */
export class ArgoCd implements GitOpsTool {
  public readonly title = 'Argo CD';

  private readonly repoUrl: string;
  private readonly targetRevision: string;
  private readonly path: string;
  private readonly project: string;
  private readonly destination: ArgoCdDestination;
  private readonly argoNamespace: string;
  private readonly mode: ArgoCdMode;
  private readonly cascadeDelete: boolean;

  constructor(props: ArgoCdProps) {
    checkProps(WHERE, props);
    this.repoUrl = checkedRepoUrl(props.repoUrl);
    this.targetRevision = checkedRevision(props.targetRevision ?? 'HEAD');
    this.path = repositoryPath(WHERE, props.path ?? 'dist');
    this.project = objectName(WHERE, 'project', props.project ?? 'default');
    this.destination = props.destination ?? ArgoCdDestination.inCluster();
    this.argoNamespace = namespaceName(WHERE, 'argoNamespace', props.argoNamespace ?? 'argocd');
    this.mode = props.mode ?? ArgoCdMode.applications();
    this.cascadeDelete = props.cascadeDelete ?? false;
  }

  public render(pipelines: readonly PipelineView[], stringify: Stringify, mirror: MirrorRules): OutputFile[] {
    const repoUrl = mirror.git(this.repoUrl);
    if (pipelines.length === 0) return [];
    const name = this.mode._applicationSet;
    const files =
      name === undefined
        ? pipelines.map((pipeline) => file(pipeline.name, stringify([this.application(pipeline, repoUrl)])))
        : [file('applicationset', stringify([this.applicationSet(name, pipelines, repoUrl)]))];
    if (!hasQueues(pipelines)) return files;
    const content = jobHealthPatch(this.argoNamespace);
    return [...files, { path: `${GITOPS_FOLDER}/argocd/${JOB_HEALTH_FILE}`, content }];
  }

  private application(pipeline: PipelineView, repoUrl: string): unknown {
    return Application.manifest({
      metadata: {
        name: pipeline.name,
        namespace: this.argoNamespace,
        labels: { [LABEL.managedBy]: MANAGED_BY },
        ...(this.cascadeDelete ? { finalizers: [CASCADE_FINALIZER] } : {}),
      },
      spec: this.applicationSpec(
        repoUrl,
        below(this.path, pipeline.name),
        pipeline.namespace,
        queuedJobs(pipeline).length > 0,
      ),
    });
  }

  private applicationSet(name: string, pipelines: readonly PipelineView[], repoUrl: string): unknown {
    return ApplicationSet.manifest({
      metadata: {
        name,
        namespace: this.argoNamespace,
        labels: { [LABEL.managedBy]: MANAGED_BY },
      },
      spec: {
        goTemplate: true,
        goTemplateOptions: ['missingkey=error'],
        generators: this.generators(pipelines, repoUrl),
        template: {
          metadata: { name: '{{.path.basename}}', labels: { [LABEL.managedBy]: MANAGED_BY } },
          spec: this.applicationSpec(
            repoUrl,
            '{{.path.path}}',
            '{{.values.namespace}}',
            hasQueues(pipelines),
          ),
        },
        // Without this the controller gives every Application the finalizer.
        syncPolicy: { preserveResourcesOnDeletion: !this.cascadeDelete },
      },
    });
  }

  /** One generator for each namespace, because nothing in a folder's path tells its namespace. */
  private generators(pipelines: readonly PipelineView[], repoUrl: string) {
    const names = new Map<string, string[]>();
    for (const { name, namespace } of pipelines) {
      const others = names.get(namespace);
      if (others) others.push(name);
      else names.set(namespace, [name]);
    }
    const takesAll = names.size === 1 && this.path !== '';
    return [...names].map(([namespace, folders]) => ({
      git: {
        repoUrl,
        revision: this.targetRevision,
        directories: takesAll
          ? [{ path: below(this.path, '*') }, { path: below(this.path, GITOPS_FOLDER), exclude: true }]
          : folders.map((folder) => ({ path: below(this.path, folder) })),
        values: { namespace },
      },
    }));
  }

  private applicationSpec(
    repoUrl: string,
    path: string,
    namespace: string,
    queued: boolean,
  ): ApplicationSpec {
    return {
      project: this.project,
      source: {
        repoUrl,
        targetRevision: this.targetRevision,
        path,
        directory: { recurse: true },
      },
      destination: this.destination._render(namespace),
      ...(queued ? { ignoreDifferences: [SET_BY_KUEUE] } : {}),
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        // `refresh`: a retry takes the newest commit, so that a fix is not shut out by what it fixes.
        retry: { limit: 10, refresh: true, backoff: { duration: '30s', factor: 2, maxDuration: '10m' } },
        // Never ApplyOutOfSyncOnly, which opens a wave before the Jobs below it are complete; never Replace.
        // RespectIgnoreDifferences: what it may not compare it may not apply either.
        syncOptions: ['CreateNamespace=true', ...(queued ? ['RespectIgnoreDifferences=true'] : [])],
      },
    };
  }
}

function hasQueues(pipelines: readonly PipelineView[]): boolean {
  return pipelines.some((pipeline) => queuedJobs(pipeline).length > 0);
}

function file(name: string, content: string): OutputFile {
  return { path: `${GITOPS_FOLDER}/argocd/${name}.yaml`, content };
}

function checkedRepoUrl(given: string): string {
  const details = {
    allowed:
      'the address of a Git repository (https://, ssh:// or user@host:path), without user or password in https',
    advice: 'Give the address that `argocd repo list` prints; credentials belong into a Secret of Argo CD.',
  };
  if (!/^((https?|ssh|git|file):\/\/\S+|[\w.-]+@[\w.-]+:\S+)$/.test(given)) {
    throw new InputError(WHERE, 'repoUrl', given, details);
  }
  if (/^https?:\/\/[^/]*@|^\w+:\/\/[^/@]*:[^/@]*@/.test(given)) {
    // Not repeated in full: a message may end in a log.
    throw new InputError(WHERE, 'repoUrl', given.replace(/\/\/[^/]*@/, '//...@'), details);
  }
  return given;
}

function checkedRevision(given: string): string {
  if (!/^[^\s~^:?*[\\-][^\s~^:?*[\\]*$/.test(given)) {
    throw new InputError(WHERE, 'targetRevision', given, {
      allowed: 'a branch, tag or commit',
      advice: "Leave it out for the repository's default branch.",
    });
  }
  return given;
}
