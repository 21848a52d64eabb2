import { createHash } from 'node:crypto';
import { statementText } from '@countersign/certificates';
import { deletionList, deletionStatementSchema, type DeletionStatement, type OrderOutcome } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import { HolderFault, type HolderClient } from '@countersign/holder';
import { deletionAggregate } from '../domain/deletion.js';
import { isReported } from '../types/holder-names.js';
import { settleOrder, type OpenOrder } from './order-rows.js';

const CONFLICTS_MAX = 5;
/** Whoever places a hold waits for it: what takes longer is told to him as undecided, and called back again by the next sweep. */
const RECALL_MS_MAX = 5_000;
/** Refusals that stay: asking again would change nothing. */
const FINAL: ReadonlySet<string> = new Set(['REQUEST_MALFORMED', 'TYPE_UNKNOWN', 'ACTION_UNKNOWN', 'ORDER_ID_REUSED']);

export const SWEEPER = { actor: { type: 'system', id: 'retention' } } as const;

export interface SettlingDependencies {
  readonly store: EventStore;
  readonly holders: Pick<HolderClient, 'ask'>;
  /** A signed note about the statement. The same statement has the same note. */
  readonly sign: (statement: string) => Promise<string>;
  /** Orders that their holders fetch. */
  readonly fetched?: FetchedSide;
}

/** Orders that lie here until their holders come for them. Undefined: nothing can be said yet. */
export interface FetchedSide {
  outcome(open: OpenOrder): Promise<Settled | undefined>;
  recall(open: OpenOrder): Promise<Settled | undefined>;
}

/** Digest of the list of what is gone, and the certificate where anything is. */
export interface Certified {
  readonly listSha256: string;
  readonly certificate: string | undefined;
}

/** What became of an order that was settled now. */
export type Settled = OrderOutcome | { readonly state: 'refused' };

/** Finds out what became of orders, certifies what is gone, and puts it on record, each once: every step can be repeated. */
export class Settling {
  constructor(private readonly deps: SettlingDependencies) {}

  /** Has it carried out, or learns that it was. Undefined: it waits to be fetched, or confirmed. Rejects with HolderFault HOLDER_UNAVAILABLE when nobody knows yet. */
  async execute(open: OpenOrder): Promise<Settled | undefined> {
    if (isReported(open.holder)) return this.deps.fetched?.outcome(open);
    return this.#settle(open, () => this.deps.holders.ask(open.holder, 'held-execute', open.order));
  }

  /** Calls it back, or learns that it was carried out before. Undefined: whoever fetched it has it. Rejects as `execute` does. */
  async recall(open: OpenOrder): Promise<Settled | undefined> {
    if (isReported(open.holder)) return this.deps.fetched?.recall(open);
    return this.#settle(open, () => this.deps.holders.ask(open.holder, 'held-recall', { orderId: open.order.orderId }, RECALL_MS_MAX));
  }

  async #settle(open: OpenOrder, ask: () => Promise<OrderOutcome>): Promise<Settled> {
    let outcome: OrderOutcome;
    try {
      outcome = await ask();
    } catch (error) {
      if (!(error instanceof HolderFault) || !FINAL.has(error.code)) throw error;
      await this.#record(open, { type: 'refuse', orderId: open.order.orderId, code: error.code }, 'refused');
      return { state: 'refused' };
    }
    const { listSha256, certificate } = await certify(this.deps.sign, open, outcome);
    await this.#record(open, { type: 'settle', orderId: open.order.orderId, outcome, listSha256, certificate }, outcome.state, outcome, certificate);
    return outcome;
  }

  async #record({ order }: OpenOrder, command: Parameters<typeof deletionAggregate.decide>[0], state: Settled['state'], outcome?: OrderOutcome, certificate?: string): Promise<void> {
    await this.deps.store.execute(deletionAggregate, {
      tenant: order.tenant,
      id: order.orderId,
      command,
      ...SWEEPER,
      retriesMax: CONFLICTS_MAX,
      // Whoever settles it second decides nothing, and changes nothing.
      project: async (client, events) => {
        if (events.length > 0) await settleOrder(client, order.orderId, state, outcome, certificate);
      },
    });
  }
}

/** What the certificate of an order says, signed; nothing where nothing is gone. Throws HolderFault HOLDER_INTERNAL when something went that was not ordered. */
export async function certify(sign: SettlingDependencies['sign'], open: OpenOrder, outcome: OrderOutcome): Promise<Certified> {
  const done = outcome.state === 'executed' ? outcome.done : [];
  const ordered = new Set(open.order.resources);
  if (new Set(done).size !== done.length || done.some((id) => !ordered.has(id))) throw new HolderFault('HOLDER_INTERNAL', `${open.holder} says that something is gone which was not ordered`);
  const listSha256 = createHash('sha256').update(deletionList(done)).digest('hex');
  return { listSha256, certificate: outcome.state === 'executed' && done.length > 0 ? await sign(statementText(statementOf(open, outcome, listSha256))) : undefined };
}

function statementOf({ order, holder, dataClass, rule }: OpenOrder, { done, items, at }: Extract<OrderOutcome, { state: 'executed' }>, listSha256: string): DeletionStatement {
  return deletionStatementSchema.parse({
    certificate: order.orderId, tenant: order.tenant, holder, type: order.type, class: dataClass, action: order.action, resources: done.length, items, listSha256, ...rule, orderedAt: order.orderedAt, executedAt: at,
  });
}
