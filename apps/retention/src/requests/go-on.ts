import type { Flows } from '../parts.js';
import { removeRemainder } from '../store/remainder-rows.js';
import { RequestOpen, type RequestRow } from '../store/request-rows.js';
import { bySelf } from './because.js';
import { isFreed } from './erasure-plan.js';
import { standingHolds } from './let-go.js';
import { changeRequest } from './request-store.js';

/** Erases what holds have kept, once they and their announcement are over: a request that waited is taken up, and one that is answered gets another one behind it. */
export async function goOn(flows: Flows, limit: number): Promise<void> {
  const remainders = await flows.remainders.take(limit);
  if (remainders.length === 0) return;
  const holds = await standingHolds(flows);
  for (const { request_id: requestId, ...remainder } of remainders) {
    const row = await flows.requests.find(requestId);
    if (row?.state === 'withdrawn' || row?.state === 'refused') await flows.remainders.remove(requestId);
    if (row === undefined || !isFreed(remainder, holds)) continue;
    if (row.state === 'held') await changeRequest(flows, row, { type: 'resume' }, bySelf(requestId, flows.now()));
    if (row.state === 'completed') await follow(flows, row);
  }
}

/** Where the same is open already, that comes first, and this is looked at again. */
async function follow(flows: Flows, { request_id: requestId, tenant, subject, law, continues }: RequestRow): Promise<void> {
  const [id, now] = [flows.newId(), flows.now()];
  const open = { type: 'open', kind: 'delete', law, subject, receivedAtMs: now.getTime(), isVerified: true, details: undefined, calendar: flows.calendar, waitMs: 0, continues: continues ?? requestId } as const;
  try {
    await changeRequest(flows, { request_id: id, tenant }, open, bySelf(id, now, (client) => removeRemainder(client, requestId)));
  } catch (error) {
    if (!(error instanceof RequestOpen)) throw error;
    return;
  }
  flows.worker.wake();
}
