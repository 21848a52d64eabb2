import type { Period } from './period.js';
import type { Action, Resource } from './resource.js';

export interface Disposal {
  readonly after: Period;
  readonly action: Action;
}

/** One rule. It may keep, dispose, or both. */
export interface Policy {
  readonly id: string;
  readonly version: number;
  /** Undefined: the installation's, which counts for all. */
  readonly organization?: string;
  /** Undefined: every type, every class. */
  readonly type?: string;
  readonly dataClass?: string;
  readonly keep?: Period | 'for-ever';
  /** The law that demands the keeping, in words: then not even its subject's request ends it. */
  readonly byLaw?: string;
  readonly dispose?: Disposal;
}

/** Whether a policy speaks of a resource. */
export function appliesTo({ organization, type, dataClass }: Policy, resource: Pick<Resource, 'organization' | 'type' | 'dataClass'>): boolean {
  if (organization !== undefined && organization !== resource.organization) return false;
  return (type === undefined || type === resource.type) && (dataClass === undefined || dataClass === resource.dataClass);
}

/** How closely a policy names what it speaks of: type and class, then type, then class, then neither; of two alike the organisation's own. */
export function explicitness({ organization, type, dataClass }: Policy): number {
  return (type === undefined ? 0 : 4) + (dataClass === undefined ? 0 : 2) + (organization === undefined ? 0 : 1);
}
