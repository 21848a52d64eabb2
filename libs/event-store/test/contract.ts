import { afterAll, afterEach, beforeAll, beforeEach, describe, jest } from '@jest/globals';
import type { EventStore } from '../src/index.js';
import { appendContract, commandContract, conflictContract, stageContract } from './contract-append.js';
import { ledgerContract, refusalContract, roleContract } from './contract-ledger.js';
import { erasureContract, personalContract } from './contract-personal.js';
import { startContract } from './contract-start.js';
import type { Stand } from './stand.js';

/** Everything that whoever stands on the event store may rely on. */
export function eventStoreContract(name: string, makeStand: () => Promise<Stand>): void {
  // A busy machine syncs slowly.
  jest.setTimeout(60_000);
  describe(name, () => {
    let stand: Stand;
    let store: EventStore;
    beforeAll(async () => {
      stand = await makeStand();
    });
    afterAll(async () => stand.stop());
    beforeEach(async () => {
      await stand.startLedger();
      store = stand.open();
    });
    afterEach(async () => {
      stand.cipher.answers = true;
      await stand.clear();
    });
    const ground = { stand: () => stand, store: () => store };
    for (const part of [appendContract, stageContract, startContract, conflictContract, commandContract, ledgerContract, refusalContract, roleContract, personalContract, erasureContract]) part(ground);
  });
}
