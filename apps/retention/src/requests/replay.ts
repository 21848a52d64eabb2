import type { Logger } from '@countersign/runtime';
import type { Flows } from '../parts.js';
import { destroyAgain } from './erase.js';

/**
 * Destroys again the keys of everybody whose erasure was begun: where all of it is as it was, the answer is the receipt that was given before, and
 * nothing happens. Whoever holds something of them asks for the same list before it opens. Rejects while the key service is away: then nothing opens.
 */
export async function replay(flows: Pick<Flows, 'tombstones' | 'keyClient'>, log: Pick<Logger, 'info'>): Promise<void> {
  const tombstones = await flows.tombstones.read();
  for (const tombstone of tombstones) if (tombstone.isKeyKept !== true) await destroyAgain(flows, tombstone);
  if (tombstones.length > 0) log.info({ erasures: tombstones.length }, 'erasures are in force');
}
