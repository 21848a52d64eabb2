import { Rules, type Hold, type Outcome, type Policy, type Restriction } from '@countersign/retention-rules';
import type { Pool } from '@countersign/postgres';
import type { RegisteredType } from '../types/built-in-types.js';
import { resourceOf } from './due.js';
import { EVERY_TENANT, rulesVersion } from './rule-gate.js';
import type { SweepRules } from './sweeper.js';

export interface RuleSource {
  readonly pool: Pool;
  readonly policies: () => Promise<readonly (Policy & { readonly setBy: string; readonly approvedBy?: string })[]>;
  /** In force, or released since. */
  readonly holds: (releasedSince: Date) => Promise<readonly Hold[]>;
  /** That were not over then. */
  readonly restrictions: (notOverBefore: Date) => Promise<readonly Restriction[]>;
  readonly types: () => Promise<readonly RegisteredType[]>;
  readonly announceMs: number;
}

/** Policies and holds as they are now, with the version that is to hold when an order is given by them. */
export async function loadRules({ pool, announceMs, ...source }: RuleSource, now: Date): Promise<SweepRules> {
  // Before the rules themselves: of what changes in between the order then learns.
  const version = await rulesVersion(pool);
  const [policies, holds, restrictions, types] = await Promise.all([source.policies(), source.holds(new Date(now.getTime() - announceMs)), source.restrictions(now), source.types()]);
  const rules = new Rules({ policies, holds, restrictions, types, announceMs }, now.getTime());
  // Within the announcement too: what a hold has just let go is not to go at once.
  const isOf = (tenant: string) => ({ organization }: { readonly organization?: string }): boolean => tenant === EVERY_TENANT || organization === undefined || organization === tenant;
  const of = (tenant: string): readonly Hold[] => holds.filter(isOf(tenant));
  const restricted = (tenant: string): string[] => restrictions.filter(isOf(tenant)).map(({ subject }) => subject);
  const heldIds = (tenant: string): string[] => [...new Set([...restricted(tenant), ...of(tenant).flatMap(({ scope }) => [...(scope.subjects ?? []), ...(scope.resources ?? []).map(({ id }) => id)])])];
  const areRangesHeld = (tenant: string): boolean => of(tenant).some(({ scope }) => scope.query !== undefined && NAMES_SOMEBODY.test(scope.query));
  const isRange = new Set(types.filter((one) => one.isRange).map(({ type }) => type));
  return {
    version, heldIds, areRangesHeld,
    outcomeOf: (resource, erasure) => rules.outcomeOf(resource, erasure),
    isHeld: ({ order, resources }) =>
      isRange.has(order.type)
        ? areRangesHeld(order.tenant) || heldIds(order.tenant).some((id) => !order.except.includes(id)) || resources.some((one) => isHeldNow(rules.outcomeOf(resourceOf(one))))
        : resources.some((one) => isHeldNow(rules.outcomeOf(resourceOf(one)))),
    madeBy: ({ id, version: ruleVersion }, tenant) => {
      const policy = policies.find((one) => one.id === id && one.version === ruleVersion && (one.organization === undefined || one.organization === tenant));
      return { setBy: policy?.setBy ?? 'subject', ...(policy?.approvedBy === undefined ? {} : { approvedBy: policy.approvedBy }) };
    },
  };
}

const isHeldNow = (outcome: Outcome | undefined): boolean => outcome?.verdict === 'held' || outcome?.verdict === 'announced';

/** Whom a query finds, nobody can tell of a range of many things without looking into each: then none of them goes. */
const NAMES_SOMEBODY = /(^|\s)-?(subject|id):/;
