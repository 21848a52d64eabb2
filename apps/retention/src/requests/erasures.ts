import { ERASURES_PAGE_MAX, RESTRICTED_PAGE_MAX, type BegunErasure, type RetentionResult } from '@countersign/contracts';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { OpenHandlers } from '../request/asker.js';
import { letGo, readHolds } from './let-go.js';
import { inForce } from './tombstones.js';

const REPEATED = 'retention.erasure.repeated';

/** For services whose database may have been put back from a snapshot that knows less, and which must know whose data they may use. */
export function erasureHandlers(flows: Flows): Pick<OpenHandlers, 'erasure-list' | 'erasure-repeat' | 'restricted-list'> {
  return {
    'erasure-list': ({ after }) => page(flows, after),
    'erasure-repeat': async ({ requestId }) => {
      await repeat(flows, requestId);
      return {};
    },
    'restricted-list': async ({ after = '' }) => {
      const found = await flows.restrictions.subjects(after, RESTRICTED_PAGE_MAX + 1, flows.now());
      return { restricted: found.slice(0, RESTRICTED_PAGE_MAX), isLast: found.length <= RESTRICTED_PAGE_MAX };
    },
  };
}

interface Begun {
  readonly tombstones: Pick<Flows['tombstones'], 'lines'>;
  readonly requests: Pick<Flows['requests'], 'openOf'>;
}

/** One that is being carried out comes to its services by itself, or to nothing; it is passed over, named, and told later from where `resume` points. */
export async function page({ tombstones, requests }: Begun, after: number): Promise<RetentionResult<'erasure-list'>> {
  const lines = await tombstones.lines();
  // A file with fewer lines than somebody has seen is another one: all of it is told.
  const from = after > lines.length ? 0 : after;
  const to = Math.min(from + ERASURES_PAGE_MAX, lines.length);
  const standing = new Map(inForce(lines).map((tombstone) => [tombstone.requestId, tombstone]));
  const shown = lines.slice(from, to).filter(({ requestId, isVoid }) => isVoid !== true && standing.has(requestId));
  const open = await requests.openOf(shown.map(({ requestId }) => requestId));
  const isOpen = ({ requestId }: { readonly requestId: string }): boolean => open.has(requestId);
  const firstOpen = lines.findIndex((line, at) => at >= from && at < to && isOpen(line));
  const erasures = shown.filter((line) => !isOpen(line)).map(({ requestId, tenant, subject, at }): BegunErasure => ({ requestId, tenant, subject, at, keep: [...(standing.get(requestId)!.keep ?? [])] }));
  return {
    erasures,
    open: shown.filter(isOpen).map(({ tenant, subject }) => ({ tenant, subject })),
    resume: firstOpen === -1 ? to : firstOpen,
    next: to,
    isLast: to === lines.length,
  };
}

/**
 * All services let go again, and the keys that they name are destroyed again: a snapshot may hold what a policy had deleted before the erasure, and
 * so keys that nobody named then. It is put on record that this was needed.
 */
async function repeat(flows: Flows, requestId: string): Promise<void> {
  const { tombstones, persons, files, store, newId } = flows;
  const tombstone = (await tombstones.read()).find((one) => one.requestId === requestId);
  if (tombstone === undefined) throw new RetentionFault('SUBJECT_REQUEST_UNKNOWN', 'there is no such erasure', { field: 'requestId' });
  const { tenant, subject } = tombstone;
  const { kinds, keys: seen } = await persons.showOurs({ tenant, subject });
  await letGo(flows, { requestId, tenant, subject }, kinds, seen, await readHolds(flows));
  await files.removeOf({ tenant, subject });
  const event = { type: REPEATED, severity: 'warning' as const, resource: { type: 'subject-request', id: requestId }, data: { subject } };
  await store.append({ tenant, stream: `erasure-repeated/${newId()}`, expectedVersion: 0, events: [event], actor: { type: 'service', id: 'identity' }, correlationId: requestId });
}
