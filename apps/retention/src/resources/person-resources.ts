import { FETCHED_RESOURCES_MAX, FETCH_WITHIN_MS, type DeletionAction, type HeldRecord, type HeldResource, type HeldType, type Kept, type Scrubbed } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import type { Erasure, Outcome, PersonsKind } from '@countersign/retention-rules';
import { deletionAggregate } from '../domain/deletion.js';
import { HELD_REASON } from '../requests/erasure-plan.js';
import type { Person } from '../requests/person.js';
import { claimResources, type KnownResource, type ReportedRows } from '../store/reported-rows.js';
import type { TypeRows } from '../store/type-rows.js';
import { resourceOf } from '../sweep/due.js';
import { insertOrder, type OpenOrder, type OrderRows } from '../sweep/order-rows.js';
import { holdRules } from '../sweep/rule-gate.js';
import { SWEEPER } from '../sweep/settling.js';
import type { SweepRules } from '../sweep/sweeper.js';

const DONE: Readonly<Record<DeletionAction, Scrubbed['action']>> = { delete: 'deleted', scrub: 'scrubbed', shred: 'shredded' };
const REASON_MAX = 256;
/** Stands for the request of somebody who only asks what it would do. */
const WOULD = 'would-be';
const BY_SUBJECT = 'subject';

export interface PersonResourcesDependencies {
  readonly store: EventStore;
  readonly resources: ReportedRows;
  readonly orders: OrderRows;
  readonly types: TypeRows;
  readonly rules: (now: Date) => Promise<SweepRules>;
  readonly now: () => Date;
  readonly newId: () => string;
  /** Ledger of the installation, whose accounts are known by their ids in every organisation. */
  readonly tenant: string;
}

/** What services have reported about somebody, and its erasure by orders that they fetch. */
export class PersonResources {
  constructor(private readonly deps: PersonResourcesDependencies) {}

  /** @param keys under which names, and in whose ledgers, the person is known */
  async show(person: Person, keys: readonly Person[]): Promise<HeldType[]> {
    const now = this.deps.now();
    const rules = await this.deps.rules(now);
    const types = new Map<string, HeldType>();
    for await (const { resource, holder } of this.#of(person, keys)) {
      const outcome = rules.outcomeOf(resourceOf(resource), { id: WOULD, atMs: now.getTime() });
      const type: HeldType = { holder, type: resource.type, class: resource.class, count: 1, ...(isDue(outcome) ? { onErasure: DONE[outcome.action] } : { onErasure: 'kept' as const, reason: reasonOf(outcome) }) };
      const name = JSON.stringify(type);
      const before = types.get(name);
      types.set(name, { ...type, count: (before?.count ?? 0) + 1, ...(type.onErasure === 'kept' ? untilOf(outcome, before) : {}) });
    }
    return [...types.values()];
  }

  /** References: what lies behind them its service has, and nobody here. */
  async *export(person: Person, keys: readonly Person[]): AsyncGenerator<HeldRecord> {
    for await (const { resource: { type, id, class: dataClass, tenant, created, closed, lastUsed } } of this.#of(person, keys)) {
      yield { type, class: dataClass, id, at: created, value: { organization: tenant, created, ...(closed === undefined ? {} : { closed }), ...(lastUsed === undefined ? {} : { lastUsed }) } };
    }
  }

  /**
   * Orders everything about somebody that the rules let go, and tells what became of it. Undefined: services have still to say so. The same
   * request again orders what is left. Throws RulesMoved, ResourcesMoved: then again.
   */
  async erase(person: Person, keys: readonly Person[], erasure: Erasure): Promise<{ readonly scrubbed: Scrubbed[]; readonly kept: Kept[]; readonly held: PersonsKind[] } | undefined> {
    const rules = await this.deps.rules(this.deps.now());
    const kept = new Map<string, Kept>();
    const held = new Map<string, PersonsKind>();
    const batches = new Map<string, HeldResource[]>();
    let isOpen = false;
    for await (const { resource, holder, orderId } of this.#of(person, keys)) {
      const outcome = rules.outcomeOf(resourceOf(resource), erasure);
      if (orderId !== undefined) isOpen = true;
      else if (isDue(outcome)) {
        isOpen = true;
        await this.#add(batches, resource, outcome.action, erasure, rules);
      } else {
        keep(kept, holder, resource, outcome);
        if (isHeld(outcome)) hold(held, holder, resource);
      }
    }
    for (const [name, resources] of batches) await this.#order(resources, actionIn(name), erasure, rules);
    return isOpen ? undefined : { scrubbed: await this.#gone(erasure.id), kept: [...kept.values()], held: [...held.values()] };
  }

  async #add(batches: Map<string, HeldResource[]>, resource: HeldResource, action: DeletionAction, erasure: Erasure, rules: SweepRules): Promise<void> {
    const name = `${action} ${resource.class} ${resource.type}`;
    const batch = [...(batches.get(name) ?? []), resource];
    if (batch.length >= FETCHED_RESOURCES_MAX) {
      await this.#order(batch, action, erasure, rules);
      batches.delete(name);
    } else batches.set(name, batch);
  }

  async #order(resources: readonly HeldResource[], action: DeletionAction, erasure: Erasure, rules: SweepRules): Promise<void> {
    const { type, tenant, class: dataClass } = resources[0]!;
    const known = await this.deps.types.find(tenant, type);
    // Withdrawn meanwhile.
    if (known === undefined) return;
    const now = this.deps.now();
    const rule = { policy: erasure.id, policyVersion: 0, setBy: BY_SUBJECT };
    const ids = resources.map(({ id }) => id);
    const orderId = this.deps.newId();
    const order = { orderId, tenant, type, action, resources: ids, except: [], policyVersion: 0, orderedAt: now.toISOString(), expiresAt: new Date(now.getTime() + FETCH_WITHIN_MS).toISOString() };
    const open: OpenOrder = { order, holder: known.holder, dataClass, resources, rule, erasure };
    await this.deps.store.execute(deletionAggregate, {
      tenant, id: orderId, command: { type: 'order', order, holder: known.holder, dataClass, rule }, ...SWEEPER,
      correlationId: erasure.id,
      project: async (client) => {
        await holdRules(client, rules.version);
        await insertOrder(client, open);
        await claimResources(client, tenant, type, orderId, ids);
      },
    });
  }

  async #gone(requestId: string): Promise<Scrubbed[]> {
    return (await this.deps.orders.goneBy(requestId)).map(({ dataClass, action, ...rest }) => ({ ...rest, class: dataClass, action: DONE[action] }));
  }

  #of({ tenant, subject }: Person, keys: readonly Person[]): AsyncGenerator<KnownResource> {
    const tenants = [tenant, ...keys.filter((key) => key.subject === subject).map((key) => key.tenant)];
    return this.deps.resources.of(subject, [...new Set(tenants)], tenant === this.deps.tenant);
  }
}

const actionIn = (name: string): DeletionAction => name.split(' ')[0] as DeletionAction;

function isDue(outcome: Outcome | undefined): outcome is Outcome & { readonly action: DeletionAction } {
  return outcome?.verdict === 'due' && outcome.action !== undefined;
}

const isHeld = (outcome: Outcome | undefined): boolean => outcome?.verdict === 'held' || outcome?.verdict === 'announced';

/** What is to be looked at again when holds end: for all of a type together. */
function hold(held: Map<string, PersonsKind>, holder: string, { type, tenant, class: dataClass, subject, created }: HeldResource): void {
  const name = JSON.stringify([holder, type, tenant, dataClass]);
  const before = held.get(name);
  held.set(name, { holder, organization: tenant, type, dataClass, subjects: subject === undefined ? [] : [subject], count: (before?.count ?? 0) + 1, oldestMs: Math.min(before?.oldestMs ?? Infinity, Date.parse(created)), under: [], isByKeys: false });
}

/** What the person is told. */
function reasonOf(outcome: Outcome | undefined): string {
  const [reason] = outcome?.reasons ?? [];
  if (reason?.byLaw !== undefined) return `must be kept: ${reason.byLaw}`.slice(0, REASON_MAX);
  if (isHeld(outcome)) return HELD_REASON;
  return 'its service cannot erase it';
}

/** For the longest time that any of them is kept; of a type that is kept without end none is told. */
function keep(kept: Map<string, Kept>, holder: string, { type, class: dataClass }: HeldResource, outcome: Outcome | undefined): void {
  const one = { holder, type, class: dataClass, reason: reasonOf(outcome) };
  const name = JSON.stringify(one);
  const before = kept.get(name);
  kept.set(name, { ...one, count: (before?.count ?? 0) + 1, ...untilOf(outcome, before) });
}

/** @param before what was said of those before it, of which one may be kept without end */
function untilOf(outcome: Outcome | undefined, before: { readonly until?: string | undefined } | undefined): { readonly until?: string } {
  const untilMs = outcome?.untilMs;
  if (untilMs === undefined || (before !== undefined && before.until === undefined)) return {};
  return { until: new Date(Math.max(untilMs, Date.parse(before?.until ?? '1970-01-01T00:00:00Z'))).toISOString() };
}
