import type { JsonObject, Reference } from '@countersign/chain';
import { KEYS_SYSTEM_TENANT } from '@countersign/contracts';
import { EventStoreFault, type EventStore, type Project } from '@countersign/event-store';
import { KeysFault } from '../domain/keys-fault.js';
import { causeOf, type Asker } from './asker.js';

export interface RecordOptions {
  readonly resource?: Reference;
  readonly severity?: 'warning';
  readonly outcome?: 'denied';
  readonly project?: Project;
}

/**
 * Puts one request on record before it is answered: no key leaves without its event. The request's stream is named by
 * its nonce, so that the database itself refuses a request that comes twice, to whichever instance.
 * Throws REQUEST_REPLAYED, and what `project` throws, with nothing stored.
 */
export async function record(store: EventStore, asker: Asker, type: string, data: JsonObject, options: RecordOptions = {}): Promise<void> {
  const { project, ...told } = options;
  const place = { tenant: KEYS_SYSTEM_TENANT, stream: `request/${asker.nonce}`, ...causeOf(asker) };
  const event = { type, data, ...told };
  try {
    if (project === undefined) await store.start({ ...place, event });
    else await store.append({ ...place, expectedVersion: 0, events: [event], project });
  } catch (error) {
    if (error instanceof EventStoreFault && error.code === 'STREAM_VERSION_CONFLICT') throw new KeysFault('REQUEST_REPLAYED', 'this request was answered before', { field: 'nonce' });
    throw error;
  }
}
