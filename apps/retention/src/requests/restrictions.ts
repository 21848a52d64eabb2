import type { RestrictionView, RetentionResult } from '@countersign/contracts';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import type { RequestRow } from '../store/request-rows.js';
import { lift, restrict, restrictionUnknown } from '../store/restriction-rows.js';
import { bySelf, becauseOf } from './because.js';
import type { Person } from './person-holders.js';
import { changeRequest, recordChange } from './request-store.js';

const WAITS_FOR = 'somebody has to see to it that it is kept and not used';
const BY_SUBJECT = 'its subject has asked for it';

type Names = 'restriction-list' | 'restriction-lift' | 'restriction-lift-own';

/** @param self who asks, as the subject of his own data */
export function restrictionHandlers(flows: Flows, self: (asker: Asker) => Person, answerable: (requestId: string, asker: Asker) => Promise<RequestRow>): Pick<Handlers, Names> {
  return {
    'restriction-list': async ({ after = '', limit }, asker) => {
      authorise(asker, 'retention.read', {});
      const found = await flows.restrictions.page(after, limit + 1, asker.now);
      const shown = found.slice(0, limit);
      return { restrictions: shown, ...(found.length > limit ? { next: shown.at(-1)!.requestId } : {}) };
    },
    // Its subject is told before: where he sees what is kept of him (Article 18(3)).
    'restriction-lift': async ({ requestId, reason }, asker) => {
      const row = await answerable(requestId, asker);
      return liftAt(flows, row, new Date(asker.now.getTime() + flows.announceMs), reason, asker);
    },
    'restriction-lift-own': async (_args, asker) => {
      const { tenant, subject } = self(asker);
      // Also of one that is over: the same request may come again.
      const requestId = await flows.restrictions.requestOf(tenant, subject);
      if (requestId === undefined) throw restrictionUnknown();
      return liftAt(flows, { request_id: requestId, tenant }, asker.now, BY_SUBJECT, asker);
    },
  };
}

async function liftAt(flows: Flows, row: Pick<RequestRow, 'request_id' | 'tenant'>, liftsAt: Date, reason: string, asker: Asker): Promise<RetentionResult<'restriction-lift'>> {
  const because = becauseOf(asker);
  const events = await recordChange(flows, row, { type: 'lift', reason, liftsAtMs: liftsAt.getTime() }, {
    ...because,
    along: async (client) => {
      await lift(client, row.request_id, liftsAt, reason);
      await because.along?.(client);
    },
  });
  return { liftsAt: (events[0]?.data as { readonly liftsAt: string }).liftsAt };
}

/** Like a hold: from when it is on record no order is given that touches it, and what was given before is called back. */
export async function placeRestriction(flows: Flows, row: RequestRow): Promise<void> {
  const { request_id: requestId, tenant, subject } = row;
  // Since it was demanded: what somebody asks for next is later, however long this has waited for the worker.
  await changeRequest(flows, row, { type: 'restrict', reason: WAITS_FOR }, bySelf(requestId, flows.now(), (client) => restrict(client, { tenant, subject, requestId }, row.received_at)));
  await flows.recall({ scope: { subjects: [subject] }, ...(tenant === flows.tenant ? {} : { organization: tenant }) });
}

/** The restriction that stands against an erasure: one that was demanded after it. */
export async function restrictionAgainst({ restrictions, now }: Pick<Flows, 'restrictions' | 'now'>, persons: readonly Person[], askedAt: Date): Promise<RestrictionView | undefined> {
  for (const { tenant, subject } of persons) {
    const known = await restrictions.find(tenant, subject, now());
    if (known !== undefined && Date.parse(known.since) > askedAt.getTime()) return known;
  }
  return undefined;
}

/** Nobody else asks in his name for what he has demanded to be kept. Throws SUBJECT_RESTRICTED. */
export async function requireUnrestricted({ restrictions }: Pick<Flows, 'restrictions'>, { tenant, subject }: Person, now: Date): Promise<void> {
  if ((await restrictions.find(tenant, subject, now)) !== undefined) throw new RetentionFault('SUBJECT_RESTRICTED', 'it is to be kept: its subject himself has to ask for it, or to let it go first', { field: 'subject' });
}
