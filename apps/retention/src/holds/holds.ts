import { HOLDS_MAX, ORDER_GRACE_MS, type HoldView, type RetentionArgs, type RetentionResult } from '@countersign/contracts';
import { streamOf } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import { holdAggregate, scopeOf, type HoldCommand } from '../domain/hold.js';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { OpenOrder } from '../sweep/order-rows.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { idFor } from '../request/id-for.js';
import { askRelease, insertHold, releaseHold } from '../store/hold-rows.js';

/** Two people who answer one question at once. */
const TRIES_MAX = 3;
/** Of a list of holds: half of what a message on the bus may be. */
const LIST_BYTES_MAX = 512 * 1024;

type Names = 'hold-place' | 'hold-list' | 'hold-show' | 'hold-ask-release' | 'hold-release' | 'hold-refuse-release';

export function holdHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'hold-place': (args, asker) => place(flows, args, asker),
    'hold-list': async ({ organization, releasedToo, after, limit }, asker) => {
      authorise(asker, 'retention.read', { organization });
      const holds = await flows.holds.list(organization, { after, limit, releasedToo }, asker.now);
      const page = fitting(holds);
      return { holds: page, ...(page.length < limit && page.length === holds.length ? {} : { next: page.at(-1)!.holdId }) };
    },
    'hold-show': (args, asker) => show(flows, args, asker),
    'hold-ask-release': ({ reason, ...args }, asker) => release(flows, args, { type: 'ask-release', reason }, asker, (client) => askRelease(client, args.holdId, asker.view.userId, asker.now)),
    'hold-release': (args, asker) => release(flows, args, { type: 'release' }, asker, (client) => releaseHold(client, args.holdId, asker.view.userId, asker.now)),
    'hold-refuse-release': ({ reason, ...args }, asker) => release(flows, args, { type: 'refuse-release', reason }, asker, (client) => askRelease(client, args.holdId, undefined, asker.now)),
  };
}

/** As many from the first on as one answer has room for; each fits alone. */
function fitting(holds: readonly HoldView[]): HoldView[] {
  let bytes = 0;
  const over = holds.findIndex((hold) => (bytes += Buffer.byteLength(JSON.stringify(hold))) > LIST_BYTES_MAX);
  return holds.slice(0, over === -1 ? holds.length : over);
}

async function place({ store, tenant, newId, recall }: Flows, { organization, matter, scope, custodian, reason }: RetentionArgs<'hold-place'>, asker: Asker): Promise<RetentionResult<'hold-place'>> {
  authorise(asker, 'hold.place', { organization });
  const holdId = idFor(asker, 'hold', newId);
  const placedBy = asker.view.userId;
  const { events } = await store.execute(holdAggregate, {
    tenant: organization ?? tenant,
    id: holdId,
    command: { type: 'place', holdId, matter, scope, custodian, reason, by: placedBy, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await insertHold(client, { holdId, organization, matter, scope, custodian, reason, placedBy }, asker.now, HOLDS_MAX);
      asker.checkFresh();
    },
  });
  // On record: no order is given any more that it covers. What was given before is called back where it is.
  const { gone, unanswered } = await recall({ organization, scope: scopeOf(scope) });
  return {
    holdId,
    inForceSince: events[0]!.time,
    ...(gone.length === 0 ? {} : { goneBefore: gone.map(shownOrder) }),
    ...(unanswered.length === 0 ? {} : { undecided: unanswered.map((open) => ({ ...shownOrder(open), voidAt: new Date(Date.parse(open.order.expiresAt) + ORDER_GRACE_MS).toISOString() })) }),
  };
}

const shownOrder = ({ order, resources }: OpenOrder): { readonly order: string; readonly type: string; readonly resources: number } => ({ order: order.orderId, type: order.type, resources: resources.length });

type Change = HoldCommand extends infer C ? (C extends HoldCommand ? Omit<C, 'holdId' | 'by' | 'nowMs' | 'origin'> : never) : never;

async function release(flows: Flows, { organization, holdId }: { readonly organization?: string | undefined; readonly holdId: string }, command: Change, asker: Asker, project: (client: PoolClient) => Promise<void>): Promise<Record<string, never>> {
  const { store, tenant } = flows;
  authorise(asker, 'hold.release', { organization });
  await known(flows, organization, holdId, asker);
  await store.execute(holdAggregate, {
    tenant: organization ?? tenant,
    id: holdId,
    command: { ...command, holdId, by: asker.view.userId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: TRIES_MAX,
    project: async (client) => {
      await project(client);
      asker.checkFresh();
    },
  });
  return {};
}

async function show(flows: Flows, { organization, holdId }: RetentionArgs<'hold-show'>, asker: Asker): Promise<RetentionResult<'hold-show'>> {
  const { store, tenant } = flows;
  authorise(asker, 'retention.read', { organization });
  const hold = await known(flows, organization, holdId, asker);
  const ledger = organization ?? tenant;
  const proofs: RetentionResult<'hold-show'>['proofs'] = [];
  for await (const { type, id: eventId, time: at } of store.read(ledger, streamOf(holdAggregate, holdId))) {
    const receipt = await store.ledger.receipt(eventId);
    proofs.push({ type, eventId, at, ledger, ...(receipt === undefined ? {} : { index: receipt.index, recordedAt: receipt.recordedAt }) });
  }
  return { hold, proofs };
}

/** Of another organisation it is as unknown as one that never was. Throws HOLD_UNKNOWN. */
async function known({ holds }: Flows, organization: string | undefined, holdId: string, { now }: Asker): Promise<HoldView> {
  const hold = await holds.find(organization, holdId, now);
  if (hold === undefined) throw new RetentionFault('HOLD_UNKNOWN', 'there is no such hold', { field: 'holdId' });
  return hold;
}
