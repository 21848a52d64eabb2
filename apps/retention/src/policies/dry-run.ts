import { DRY_RUN_MS_MAX, HELD_PAGE_MAX, ORDER_EXCEPT_MAX, type DryRunPart, type HeldResource, type RetentionRule } from '@countersign/contracts';
import { HolderFault, type HolderClient } from '@countersign/holder';
import type { Outcome } from '@countersign/retention-rules';
import { z } from 'zod';
import { policyOf } from '../domain/policy-set.js';
import { RetentionFault } from '../domain/retention-fault.js';
import { resourceOf } from '../sweep/due.js';
import { loadRules, type RuleSource } from '../sweep/load-rules.js';
import { EVERY_TENANT } from '../sweep/rule-gate.js';
import type { SweepRules } from '../sweep/sweeper.js';
import type { RegisteredType } from '../types/built-in-types.js';
import { Tally } from './tally.js';

/** Each looks at thousands of resources: they must not take the service from others. */
const AT_ONCE_MAX = 2;
const RETRY_MS = 1_000;
/** Whoever asks waits 15 seconds for a part: DRY_RUN_MS_MAX and one page more. */
const PAGE_MS_MAX = 6_000;

/** One policy, as it is and as it would be. */
export interface PolicyChange {
  /** Whose it is; undefined: the installation's. */
  readonly organization: string | undefined;
  readonly policyId: string;
  readonly rule: RetentionRule | undefined;
  readonly version: number;
}

/** Where a part begins: in the list of a type, types in the order of their names. */
interface Place {
  readonly type: string;
  readonly after?: string | undefined;
}

const placeSchema = z.tuple([z.string().max(128), z.string().max(512).nullable()]);

/** What rules say of one moment, as they are and as they would be. */
interface Both {
  readonly before: SweepRules;
  readonly after: SweepRules;
}

/** Judges what holders have under the rules as they are and as they would be, in parts; keeps nothing between them. */
export class DryRun {
  #running = 0;

  constructor(
    private readonly source: RuleSource,
    private readonly holders: Pick<HolderClient, 'ask'>,
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {}

  /**
   * @param tenant whose resources are counted; undefined: everybody's
   * @param from `next` of the part before
   * Throws RETENTION_OVERLOADED; REQUEST_MALFORMED for a place that no answer gave.
   */
  async part(change: PolicyChange, tenant: string | undefined, from: string | undefined, now: Date): Promise<Omit<DryRunPart, 'needsApproval'>> {
    const place: Place = from === undefined ? { type: '' } : placeOf(from);
    if (this.#running >= AT_ONCE_MAX) throw new RetentionFault('RETENTION_OVERLOADED', 'other changes are being looked at', { retryAfterMs: RETRY_MS });
    this.#running += 1;
    try {
      return await this.#look(await this.#rules(change, now), tenant, place);
    } finally {
      this.#running -= 1;
    }
  }

  async #rules({ organization, policyId, rule, version }: PolicyChange, now: Date): Promise<Both> {
    const { source } = this;
    const before = await loadRules(source, now);
    const policies = await source.policies();
    const others = policies.filter((one) => one.id !== policyId || one.organization !== organization);
    const changed = rule === undefined ? others : [...others, { ...policyOf(policyId, version, organization, rule), setBy: policyId }];
    return { before, after: await loadRules({ ...source, policies: async () => changed }, now) };
  }

  async #look(rules: Both, tenant: string | undefined, from: Place) {
    const endMs = this.monotonicMs() + DRY_RUN_MS_MAX;
    const tally = new Tally(tenant === undefined);
    // Which types others have registered is nobody's business.
    const types = [...(await this.source.types())].filter((one) => one.type >= from.type && (tenant === undefined || one.tenant === undefined || one.tenant === tenant)).sort((a, b) => (a.type < b.type ? -1 : 1));
    let pages = 0;
    for (const type of types) {
      for (let after = type.type === from.type ? from.after : undefined; ; ) {
        // A part gets on by a page at least, however slow that was.
        if (pages > 0 && (tally.isFull || this.monotonicMs() >= endMs)) return tally.part(rules.before.version, placeText({ type: type.type, after }));
        const page = await this.#page(type, after, rules.before, pages === 0 && after !== undefined);
        pages += 1;
        if (page === undefined) tally.unanswered(type);
        for (const resource of page?.resources ?? []) if (tenant === undefined || resource.tenant === tenant) judge(tally, type, resource, rules);
        after = page?.next;
        if (after === undefined) break;
      }
    }
    return tally.part(rules.before.version, undefined);
  }

  /** Undefined: nobody answers for it now. */
  async #page({ type, holder, isRange }: RegisteredType, after: string | undefined, rules: SweepRules, isAsked: boolean) {
    const except = isRange ? rules.heldIds(EVERY_TENANT).slice(0, ORDER_EXCEPT_MAX) : [];
    try {
      return await this.holders.ask(holder, 'held-list', { type, limit: HELD_PAGE_MAX, except, ...(after === undefined ? {} : { after }) }, PAGE_MS_MAX);
    } catch (error) {
      if (!(error instanceof HolderFault)) throw error;
      if (isAsked && error.code === 'REQUEST_MALFORMED') throw badPlace(error);
      return undefined;
    }
  }
}

function judge(tally: Tally, type: RegisteredType, held: HeldResource, { before, after }: Both): void {
  const resource = resourceOf(held);
  const [was, will] = [before.outcomeOf(resource), after.outcomeOf(resource)];
  if (was !== undefined && will !== undefined) tally.add(held, asSwept(type, held, was, before), asSwept(type, held, will, after));
}

/** Ranges of which nobody can say whom they are about stay whole, as the sweeper has it. */
function asSwept({ isRange }: RegisteredType, { tenant }: HeldResource, outcome: Outcome, rules: SweepRules): Outcome {
  if (!isRange || outcome.verdict !== 'due' || !rules.areRangesHeld(tenant)) return outcome;
  const { action: _none, ...rest } = outcome;
  return { ...rest, verdict: 'held' };
}

const placeText = ({ type, after }: Place): string => Buffer.from(JSON.stringify([type, after ?? null])).toString('base64url');
const badPlace = (cause: unknown): RetentionFault => new RetentionFault('REQUEST_MALFORMED', 'no answer gave this place', { field: 'after' }, { cause });

function placeOf(text: string): Place {
  try {
    const [type, after] = placeSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return { type, after: after ?? undefined };
  } catch (error) {
    throw badPlace(error);
  }
}
