import { createPool } from '@countersign/postgres';
import { openEventStore } from '../src/index.js';
import { ACTOR } from './stand.js';

/**
 * Appends until it is killed and prints each event's id once its append resolved, relaying meanwhile.
 * Arguments: database, bus, seed file of the bus's user, writers.
 */
const [databaseUrl, url, nkeySeedFile, writers] = process.argv.slice(2) as [string, string, string, string];
const pool = createPool({ url: databaseUrl, max: 10, applicationName: 'crash-child' });
const store = openEventStore({ source: 'doors', schema: 'doors', pool, relay: { bus: { url, nkeySeedFile, name: 'doors' }, resendAfterMs: 300 } });

async function appendForEver(writer: number): Promise<never> {
  for (let at = 0; ; at++) {
    const { events } = await store.append({ tenant: `t${writer % 3}`, stream: `crash/${process.pid}-${writer}`, events: [{ type: 'doors.door.opened', data: { at } }], actor: ACTOR });
    process.stdout.write(`${events[0]?.id}\n`);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => appendForEver(writer)));
