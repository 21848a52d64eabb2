import type { JsonObject } from '@countersign/chain';
import type { RecordedEvent } from '@countersign/event-store';
import { subjectRequestAggregate, type SubjectRequestCommand } from '../domain/subject-request.js';
import type { Flows } from '../parts.js';
import type { Because } from './because.js';
import { applyRequestEvents, type RequestRow } from '../store/request-rows.js';

type Change = SubjectRequestCommand extends infer C ? (C extends SubjectRequestCommand ? Omit<C, 'requestId' | 'nowMs' | 'origin'> : never) : never;

const RETRIES = 3;

/** One change of a request, with its read table. */
export async function changeRequest(flows: Pick<Flows, 'store'>, row: Pick<RequestRow, 'request_id' | 'tenant'>, change: Change, because: Because): Promise<void> {
  await recordChange(flows, row, change, because);
}

/** The same; the events, those of the first time when the command comes again. */
export async function recordChange({ store }: Pick<Flows, 'store'>, { request_id: requestId, tenant }: Pick<RequestRow, 'request_id' | 'tenant'>, change: Change, { cause, origin, now, command = {}, along }: Because): Promise<readonly RecordedEvent[]> {
  const { events } = await store.execute(subjectRequestAggregate, {
    tenant,
    id: requestId,
    command: { ...change, requestId, nowMs: now.getTime(), origin },
    ...cause,
    ...command,
    retriesMax: RETRIES,
    project: async (client, events) => {
      await applyRequestEvents(client, requestId, tenant, events);
      await along?.(client);
    },
  });
  return events;
}

export const counted = (items: readonly { readonly count?: number }[]): JsonObject[string] => items.reduce((sum, { count = 0 }) => sum + count, 0);
