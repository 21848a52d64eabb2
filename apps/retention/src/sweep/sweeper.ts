import { setTimeout as sleep } from 'node:timers/promises';
import { FETCH_WITHIN_MS, HELD_PAGE_MAX, ORDER_EXCEPT_MAX, ORDER_MS, type HeldResource } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import { HolderFault, type HolderClient } from '@countersign/holder';
import type { PoolClient } from '@countersign/postgres';
import type { Erasure, Outcome, Resource } from '@countersign/retention-rules';
import { deletionAggregate, type DeletionRule } from '../domain/deletion.js';
import { ResourcesMoved } from '../store/reported-rows.js';
import type { RegisteredType } from '../types/built-in-types.js';
import { isReported } from '../types/holder-names.js';
import { batchesOf, resourceOf, type Batch } from './due.js';
import { insertOrder, type OpenOrder, type OrderRows } from './order-rows.js';
import { EVERY_TENANT, holdRules, RulesMoved } from './rule-gate.js';
import { SWEEPER, type Settled, type Settling } from './settling.js';

/** Rules that change while a page is judged: it is judged again, so often. */
const JUDGED_AGAIN_MAX = 20;

/** Then it is the next type's turn: no organisation's service holds up all others, however much it lists or however long it takes. */
const CUSTOMERS_TYPE_MS_MAX = 60_000;
/** A page of its list. Where nobody listens nothing says so. */
const CUSTOMERS_ANSWER_MS_MAX = 10_000;

/** Policies and holds of one moment. */
export interface SweepRules {
  /** That of `rules_version` when they were read. */
  readonly version: string;
  outcomeOf(resource: Resource, erasure?: Erasure): Outcome | undefined;
  /** Subjects and resources of a tenant that holds name: in ranges, what names one of them stays. */
  heldIds(tenant: string): readonly string[];
  /** Whether a hold may cover things in ranges of the tenant which it does not name: then no range goes. */
  areRangesHeld(tenant: string): boolean;
  /** Whether something of an order is held, or restricted, which was given before it was. */
  isHeld(open: OpenOrder): boolean;
  /** Who made the rule by which something goes. */
  madeBy(rule: Batch['rule'], tenant: string): Pick<DeletionRule, 'setBy' | 'approvedBy'>;
}

export interface SweepMetrics {
  readonly settled: (settled: Settled, open: OpenOrder) => void;
  readonly failed: (holder: string, error: unknown) => void;
  /** At the end of a whole sweep: of how many tenants no range went, because more ids are held there than an order names. */
  readonly overheld: (tenants: number) => void;
}

export interface SweeperDependencies {
  readonly store: EventStore;
  readonly orders: OrderRows;
  readonly settling: Settling;
  readonly holders: Pick<HolderClient, 'ask'>;
  readonly types: () => Promise<readonly RegisteredType[]>;
  /** Puts what was reported into an order that is given, in the same transaction. Throws ResourcesMoved. */
  readonly claim?: (client: PoolClient, open: OpenOrder) => Promise<void>;
  /** Read anew before each page: what changes meanwhile is noticed when an order is given. */
  readonly rules: (now: Date) => Promise<SweepRules>;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly ordersPerSecondMax: number;
  readonly metrics: SweepMetrics;
}

/** What one sweep has done. */
export interface Swept {
  readonly looked: number;
  readonly resources: number;
  readonly items: number;
  /** Orders, or pages, that could not be finished: they are there in the next sweep. */
  readonly failures: number;
}

/**
 * Goes over everything that holders list: judge → order on record → owner carries it out → certificate on record. Stops anywhere without harm:
 * open orders are sent again first, and the answers are the same.
 */
export class Sweeper {
  #stopped = false;
  /** Types whose time was over: where their next turn begins. */
  readonly #goesOnAt = new Map<string, string>();
  #sum = { looked: 0, resources: 0, items: 0, failures: 0 };
  readonly #overheld = new Set<string>();
  /** Holders that have not answered in this sweep. */
  readonly #away = new Set<string>();

  constructor(private readonly deps: SweeperDependencies) {}

  /** Ends a sweep after the order that is under way. */
  stop(): void {
    this.#stopped = true;
  }

  async sweep(): Promise<Swept> {
    this.#sum = { looked: 0, resources: 0, items: 0, failures: 0 };
    this.#overheld.clear();
    await this.resume();
    this.#away.clear();
    for (const type of await this.deps.types()) {
      if (this.#stopped) break;
      // Whoever does not answer for one type does not for the next: the others must not wait for each.
      if (!this.#away.has(type.holder)) await this.#attempt(type.holder, () => this.#sweepType(type));
    }
    if (!this.#stopped) this.deps.metrics.overheld(this.#overheld.size);
    return this.#sum;
  }

  /** Settles what a crash, or a holder that was away, has left open. */
  async resume(): Promise<void> {
    let rules: SweepRules | undefined;
    for await (const open of this.deps.orders.open(true)) {
      if (this.#stopped) return;
      rules ??= await this.deps.rules(this.deps.now());
      // Whoever placed the hold may have crashed before he called it back.
      if (!isReported(open.holder) && rules.isHeld(open)) await this.#attempt(open.holder, () => this.#callBack(open));
      else await this.#attempt(open.holder, () => this.#carryOut(open));
    }
  }

  /**
   * Calls back every open order that `touches` says; to be called after the hold is on record, when no new one can be given. Returns what had gone
   * before, and which orders nobody answers for: those are over at the time that is named.
   */
  async recall(touches: (open: OpenOrder) => boolean): Promise<{ readonly gone: readonly OpenOrder[]; readonly unanswered: readonly OpenOrder[] }> {
    const gone: OpenOrder[] = [];
    const unanswered: OpenOrder[] = [];
    const away = new Set<string>();
    for await (const open of this.deps.orders.open()) {
      if (!touches(open)) continue;
      if (away.has(open.holder)) {
        unanswered.push(open);
        continue;
      }
      try {
        const settled = await this.#callBack(open);
        // Fetched, maybe since it was read: then with the time that its holder has.
        if (settled === undefined) unanswered.push((await this.deps.orders.find(open.order.type, open.order.orderId)) ?? open);
        else if (settled.state === 'executed') gone.push(open);
      } catch (error) {
        this.deps.metrics.failed(open.holder, error);
        unanswered.push(open);
        // Whoever does not answer for one does not for the next: the hold must not wait for each.
        if (error instanceof HolderFault && error.code === 'HOLDER_UNAVAILABLE') away.add(open.holder);
      }
    }
    return { gone, unanswered };
  }

  /** False when a holder did not answer. */
  async #attempt(holder: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#sum.failures += 1;
      this.deps.metrics.failed(holder, error);
      // What is nobody's answer is a failure of our own, and for the log of whoever called.
      if (!(error instanceof HolderFault)) throw error;
      if (error.code === 'HOLDER_UNAVAILABLE') this.#away.add(holder);
      return false;
    }
  }

  async #sweepType(type: RegisteredType): Promise<void> {
    const except = type.isRange ? await this.#allHeldIds() : [];
    const failing = new Set<string>();
    const endMs = this.deps.now().getTime() + CUSTOMERS_TYPE_MS_MAX;
    for (let after = this.#goesOnAt.get(type.type); !this.#stopped; ) {
      this.#goesOnAt.delete(type.type);
      const { resources, next } = await this.deps.holders.ask(type.holder, 'held-list', { type: type.type, limit: HELD_PAGE_MAX, except, ...(after === undefined ? {} : { after }) }, type.tenant === undefined ? undefined : CUSTOMERS_ANSWER_MS_MAX);
      requireOwn(type, resources);
      this.#sum.looked += resources.length;
      await this.#sweepPage(type, resources, failing);
      if (next === undefined) return;
      if (type.tenant !== undefined && this.deps.now().getTime() >= endMs) {
        this.#goesOnAt.set(type.type, next);
        return;
      }
      after = next;
    }
  }

  async #allHeldIds(): Promise<string[]> {
    const rules = await this.deps.rules(this.deps.now());
    return [...new Set(rules.heldIds(EVERY_TENANT))].slice(0, ORDER_EXCEPT_MAX);
  }

  /** Judges a page and orders what is due; when a rule changes meanwhile, the rest is judged again. */
  async #sweepPage(type: RegisteredType, page: readonly HeldResource[], failing: Set<string>): Promise<void> {
    const ordered = new Set<string>();
    for (let triesLeft = JUDGED_AGAIN_MAX; ; triesLeft--) {
      const now = this.deps.now();
      const rules = await this.deps.rules(now);
      try {
        for (const batch of batchesOf(page.filter(({ id }) => !ordered.has(id)), type, (resource) => rules.outcomeOf(resource))) {
          if (this.#stopped) return;
          // Where an order was not answered more of them would only lie open; in the next sweep it is tried again.
          if (failing.has(batch.tenant)) continue;
          const open = await this.#giveUnlessMoved(type, batch, rules, now);
          for (const { id } of batch.resources) ordered.add(id);
          if (open !== undefined && !(await this.#attempt(type.holder, () => this.#carryOut(open)))) failing.add(batch.tenant);
          await sleep(1_000 / this.deps.ordersPerSecondMax);
        }
        return;
      } catch (error) {
        if (!(error instanceof RulesMoved) || triesLeft === 0) throw error;
      }
    }
  }

  /** What was reported anew, or ordered elsewhere, since it was listed is met in the next sweep. */
  async #giveUnlessMoved(type: RegisteredType, batch: Batch, rules: SweepRules, now: Date): Promise<OpenOrder | undefined> {
    try {
      return await this.#give(type, batch, rules, now);
    } catch (error) {
      if (error instanceof ResourcesMoved) return undefined;
      throw error;
    }
  }

  /** Puts the order on record, under the rules by which it was judged and no others. Throws RulesMoved. */
  async #give(type: RegisteredType, batch: Batch, rules: SweepRules, now: Date): Promise<OpenOrder | undefined> {
    const { tenant, action, dataClass, resources, rule } = batch;
    const held = type.isRange ? rules.heldIds(tenant) : [];
    // More ids than an order names: then nothing of these ranges goes, rather than something that is held.
    if (held.length > ORDER_EXCEPT_MAX) this.#overheld.add(tenant);
    if (held.length > ORDER_EXCEPT_MAX || (type.isRange && rules.areRangesHeld(tenant))) return undefined;
    const open: OpenOrder = {
      holder: type.holder, dataClass, resources,
      rule: { policy: rule.id, policyVersion: rule.version, ...rules.madeBy(rule, tenant) },
      order: {
        orderId: this.deps.newId(), tenant, type: type.type, action, resources: resources.map(({ id }) => id), except: [...held], policyVersion: rule.version,
        orderedAt: now.toISOString(), expiresAt: new Date(now.getTime() + (isReported(type.holder) ? FETCH_WITHIN_MS : ORDER_MS)).toISOString(),
      },
    };
    await this.deps.store.execute(deletionAggregate, {
      tenant, id: open.order.orderId, command: { type: 'order', order: open.order, holder: open.holder, dataClass, rule: open.rule }, ...SWEEPER,
      project: async (client) => {
        await holdRules(client, rules.version);
        await insertOrder(client, open);
        if (isReported(type.holder)) await this.deps.claim?.(client, open);
      },
    });
    return open;
  }

  async #callBack(open: OpenOrder): Promise<Settled | undefined> {
    const settled = await this.deps.settling.recall(open);
    if (settled !== undefined) this.deps.metrics.settled(settled, open);
    return settled;
  }

  async #carryOut(open: OpenOrder): Promise<void> {
    const settled = await this.deps.settling.execute(open);
    if (settled === undefined) return;
    this.deps.metrics.settled(settled, open);
    if (settled.state !== 'executed') return;
    this.#sum.resources += settled.done.length;
    this.#sum.items += settled.items;
  }
}

/** A holder of one organisation's says nothing about another's. Throws HolderFault HOLDER_INTERNAL. */
function requireOwn({ holder, type, tenant }: RegisteredType, resources: readonly HeldResource[]): void {
  if (tenant !== undefined && resources.some((resource) => resource.tenant !== tenant || resource.type !== type)) throw new HolderFault('HOLDER_INTERNAL', `${holder} lists what is not of ${type}`);
}

/** Whether a hold, by what it covers, touches an order. Ranges name nobody: any hold of their tenant may. */
export function touchesOrder(open: OpenOrder, isRange: boolean, covers: (resource: Resource) => boolean, tenant: string | undefined): boolean {
  if (isRange) return tenant === undefined || tenant === open.order.tenant;
  return open.resources.some((resource) => covers(resourceOf(resource)));
}
