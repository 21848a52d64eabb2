import { Rules, type Hold, type Policy } from '@countersign/retention-rules';
import type { Pool } from '@countersign/postgres';
import type { RegisteredType } from '../types/built-in-types.js';
import { EVERY_TENANT, rulesVersion } from './rule-gate.js';
import type { SweepRules } from './sweeper.js';

export interface RuleSource {
  readonly pool: Pool;
  readonly policies: () => Promise<readonly (Policy & { readonly setBy: string; readonly approvedBy?: string })[]>;
  /** In force, or released since. */
  readonly holds: (releasedSince: Date) => Promise<readonly Hold[]>;
  readonly types: () => Promise<readonly RegisteredType[]>;
  readonly announceMs: number;
}

/** Policies and holds as they are now, with the version that is to hold when an order is given by them. */
export async function loadRules({ pool, announceMs, ...source }: RuleSource, now: Date): Promise<SweepRules> {
  // Before the rules themselves: of what changes in between the order then learns.
  const version = await rulesVersion(pool);
  const [policies, holds, types] = await Promise.all([source.policies(), source.holds(new Date(now.getTime() - announceMs)), source.types()]);
  const rules = new Rules({ policies, holds, types, announceMs }, now.getTime());
  // Within the announcement too: what a hold has just let go is not to go at once.
  const of = (tenant: string): readonly Hold[] => holds.filter(({ organization }) => tenant === EVERY_TENANT || organization === undefined || organization === tenant);
  return {
    version,
    outcomeOf: (resource) => rules.outcomeOf(resource),
    heldIds: (tenant) => [...new Set(of(tenant).flatMap(({ scope }) => [...(scope.subjects ?? []), ...(scope.resources ?? []).map(({ id }) => id)]))],
    areRangesHeld: (tenant) => of(tenant).some(({ scope }) => scope.query !== undefined && NAMES_SOMEBODY.test(scope.query)),
    madeBy: ({ id, version: ruleVersion }, tenant) => {
      const policy = policies.find((one) => one.id === id && one.version === ruleVersion && (one.organization === undefined || one.organization === tenant));
      return { setBy: policy?.setBy ?? 'subject', ...(policy?.approvedBy === undefined ? {} : { approvedBy: policy.approvedBy }) };
    },
  };
}

/** Whom a query finds, nobody can tell of a range of many things without looking into each: then none of them goes. */
const NAMES_SOMEBODY = /(^|\s)-?(subject|id):/;
