import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { audit } from './harness/audit.js';
import { faultSuite, type FaultCase } from './harness/fault-suite.js';
import type { Producer } from './harness/producer-process.js';
import type { Stand } from './harness/stand.js';

const TENANT = 'audited';
const LOST_ID = '01890000-0000-7000-8000-000000000000';

let producer: Producer;

/** What the audit says of the stand; undefined when it finds nothing. */
async function complaint(stand: Stand): Promise<string | undefined> {
  return audit(stand, { tenants: [TENANT], producers: [producer] }).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

/** An audit that cannot fail would make every other case worthless: each way to cheat is tried, and taken back. */
faultSuite(
  'the audit itself',
  async (stand) => {
    const ledger = await stand.addLedger('one');
    await ledger.start();
    producer = stand.addProducer('audited', [TENANT]);
    await producer.start();
    await producer.emits(600);
    await producer.drain();
  },
  {
    'finds nothing where nothing happened': async ({ stand }: FaultCase) => {
      expect(await complaint(stand)).toBe(undefined);
    },

    'notices a published checkpoint of another tree': async ({ stand }) => {
      const [first] = stand.witness.checkpoints;
      if (first === undefined) throw new Error('no checkpoint was heard');
      const forged = { ...first, root: Buffer.alloc(32, 1) };
      stand.witness.checkpoints.push(forged);
      expect(await complaint(stand)).toContain('strays');
      stand.witness.checkpoints.splice(stand.witness.checkpoints.indexOf(forged), 1);
    },

    'notices two receipts for one event': async ({ stand }) => {
      const [receipts] = stand.witness.receipts.values();
      const [receipt] = receipts ?? [];
      if (receipts === undefined || receipt === undefined) throw new Error('no receipt was heard');
      receipts.push({ ...receipt, index: receipt.index + 1 });
      expect(await complaint(stand)).toContain(receipt.id);
      receipts.pop();
    },

    'notices a promise that was not kept, and a number that is not the one that was promised': async ({ stand }) => {
      const [first] = producer.promised();
      appendFileSync(producer.config.outFile, `${LOST_ID} 601 ${TENANT} 601\n`);
      expect(await complaint(stand)).toContain(LOST_ID);
      writeFileSync(producer.config.outFile, `${first?.id} 17 ${TENANT} ${first?.n}\n`);
      expect(await complaint(stand)).toContain(first?.id);
      writeFileSync(producer.config.outFile, `${first?.id} ${first?.sequence} ${TENANT} ${first?.n}\n`);
    },

    // The last one: the service itself sees this, and appends no more.
    'notices an archived checkpoint of another tree': async ({ stand }) => {
      const history = join(stand.folder, 'state', 'checkpoints', TENANT, 'history');
      appendFileSync(history, `\n5 ${'00'.repeat(32)} 2026-01-31T09:30:00.000Z`);
      expect(await complaint(stand)).toContain('HISTORY_REWRITTEN');
    },
  },
);
