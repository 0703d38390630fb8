import { Entry, ObjectSet, type Pod } from '../../validation/object-set';
import type { PodResourceClaim } from '../../validation/shapes';
import { add, most, podRequests, type Amounts } from './amounts';
import type { PipelineView } from '../views';
import { code } from './markdown';
import { podCount } from './pod-count';

/** A phase with its objects and their pods. @internal */
export interface PhaseModel {
  readonly folder: string;
  readonly entries: readonly Entry[];
  readonly pods: readonly Pod[];
}

/** A pipeline with what its objects have to do with each other, as the README tells it. @internal */
export class PipelineModel {
  public readonly name: string;
  public readonly namespace: string;
  public readonly set: ObjectSet;
  public readonly phases: readonly PhaseModel[];

  constructor(view: PipelineView, minor: number) {
    this.name = view.name;
    this.namespace = view.namespace;
    const entries = view.phases.flatMap((phase) =>
      phase.objects.map((object) => new Entry({ object, where: phase.folder })),
    );
    this.set = new ObjectSet(entries, minor);
    this.phases = view.phases.map(({ folder }) => ({
      folder,
      entries: this.set.entries.filter((entry) => entry.where === folder),
      pods: this.set.pods.filter((pod) => pod.entry.where === folder),
    }));
  }

  /** What one pod requests, with the devices that it claims by template, and so alone. */
  public requests(pod: Pod): Amounts {
    const amounts = podRequests(pod);
    for (const { resourceClaimTemplateName: name } of podClaims(pod)) {
      const template = name && this.set.find('ResourceClaimTemplate', pod.entry.namespace, name);
      if (template) add(amounts, claimedDevices((template.spec as { spec?: ClaimSpec }).spec));
    }
    return amounts;
  }

  /** The claims by their names that a pod shares with whoever names them too, with the devices of those made here. */
  public sharedClaims(pod: Pod): { name: string; devices?: Amounts }[] {
    return podClaims(pod).flatMap(({ resourceClaimName: name }) => {
      if (!name) return [];
      const claim = this.set.find('ResourceClaim', pod.entry.namespace, name);
      return [{ name, devices: claim && claimedDevices(claim.spec) }];
    });
  }

  /**
   * The most that is requested at one time: all servers, and the Jobs of the phase whose Jobs need most. So it
   * is when a new model is prepared while the old one serves.
   */
  public mostAtOnce(): Amounts {
    const servers: Amounts = new Map();
    let jobs: Amounts = new Map();
    for (const phase of this.phases) {
      const jobsOfPhase: Amounts = new Map();
      for (const pod of phase.pods) {
        const count = podCount(this.set, pod).most ?? 1;
        add(pod.entry.kind === 'Job' ? jobsOfPhase : servers, this.requests(pod), count);
      }
      jobs = most(jobs, jobsOfPhase);
    }
    add(servers, jobs);
    for (const claim of this.set.ofKind('ResourceClaim')) add(servers, claimedDevices(claim.spec));
    return servers;
  }
}

interface DeviceRequest {
  readonly deviceClassName?: string;
  readonly count?: number;
}

interface ClaimSpec {
  readonly devices?: {
    readonly requests?: (DeviceRequest & { exactly?: DeviceRequest; firstAvailable?: DeviceRequest[] })[];
  };
}

function podClaims({ spec }: Pod): readonly PodResourceClaim[] {
  return spec.resourceClaims ?? [];
}

/** The devices of a claim by class; of alternatives the first, which is preferred. */
function claimedDevices(spec: ClaimSpec | undefined): Amounts {
  const devices: Amounts = new Map();
  for (const request of spec?.devices?.requests ?? []) {
    const { deviceClassName, count = 1 } = request.exactly ?? request.firstAvailable?.[0] ?? request;
    if (deviceClassName) add(devices, new Map([[deviceClassName, count]]));
  }
  return devices;
}

/** An object as the tables name it. @internal */
export function entryText(entry: Entry): string {
  return `${entry.kind} ${code(entry.name)}`;
}

/** An object's pods as the tables name them: of a group, the leaders and the others are told apart. @internal */
export function podText({ entry, field }: Pod): string {
  if (entry.kind !== 'LeaderWorkerSet') return entryText(entry);
  return `${entryText(entry)} (${field.endsWith('leaderTemplate') ? 'leaders' : 'workers'})`;
}

/** How a pod uses a claim. @internal */
export interface ClaimUse {
  readonly claim: string;
  readonly writes: boolean;
}

/** The claims that a pod mounts, and whether it may write to them. @internal */
export function claimUses(pod: Pod): ClaimUse[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const source = volume.persistentVolumeClaim;
    if (!source) return [];
    const mounts = pod.containers.flatMap(({ container }) => container.volumeMounts ?? []);
    const writes = !source.readOnly && mounts.some((mount) => mount.name === volume.name && !mount.readOnly);
    return [{ claim: source.claimName, writes }];
  });
}
