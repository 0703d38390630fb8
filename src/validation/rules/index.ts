import { Rule } from '../rule';
import { waiverRule } from '../waivers';
import { CLAIM_RULES } from './claims';
import { CONTENT_RULES } from './content';
import { DEVICE_CLAIM_RULES } from './device-claims';
import { DLLAMA_COMMAND_RULES } from './dllama-command';
import { DLLAMA_NETWORK_RULES } from './dllama-network';
import { DLLAMA_TOPOLOGY_RULES } from './dllama-topology';
import { GITOPS_TOOL_RULES } from './gitops-tools';
import { IMAGE_VOLUME_RULES } from './image-volumes';
import { LABEL_RULES } from './labels';
import { LIFE_RULES } from './life';
import { MESH_RULES } from './mesh';
import { NAME_RULES } from './names';
import { NETWORK_RULES } from './network';
import { ORDER_RULES } from './order';
import { PINNING_RULES } from './pinning';
import { POD_HARDENING_RULES } from './pod-hardening';
import { POD_SECURITY_RULES } from './pod-security';
import { PROBE_RULES } from './probes';
import { REFERENCE_RULES } from './references';
import { REPLACEMENT_RULES } from './replacement';
import { RESOURCE_RULES } from './resources';
import { SECRET_RULES } from './secrets';
import { TRAFFIC_RULES } from './traffic';

const WAIVABLE: readonly Rule[] = [
  ...REPLACEMENT_RULES,
  ...ORDER_RULES,
  ...GITOPS_TOOL_RULES,
  ...CONTENT_RULES,
  ...CLAIM_RULES,
  ...POD_SECURITY_RULES,
  ...POD_HARDENING_RULES,
  ...PINNING_RULES,
  ...NETWORK_RULES,
  ...MESH_RULES,
  ...RESOURCE_RULES,
  ...SECRET_RULES,
  ...PROBE_RULES,
  ...LIFE_RULES,
  ...LABEL_RULES,
  ...NAME_RULES,
  ...REFERENCE_RULES,
  ...DEVICE_CLAIM_RULES,
  ...IMAGE_VOLUME_RULES,
  ...TRAFFIC_RULES,
  ...DLLAMA_COMMAND_RULES,
  ...DLLAMA_NETWORK_RULES,
  ...DLLAMA_TOPOLOGY_RULES,
];

/**
 * All rules. Of the design's, two are not here: that a second synth gives the same bytes (4) and that a topology
 * is possible (16) cannot be seen in the objects; tests and constructs hold those. @internal
 */
export const RULES: readonly Rule[] = [...WAIVABLE, waiverRule(WAIVABLE)];
