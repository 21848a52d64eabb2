// Rolls the epoch and kills itself before a step. Environment: SUBJECTS_URL, EPOCH_DIR, ROOT_DIR, DIE_BEFORE, DIE_AFTER_TIMES.
import { join } from 'node:path';
import { createPool } from '@countersign/postgres';
import { EpochFiles } from '../../dist/epoch/epoch-files.js';
import { ErasureJournal } from '../../dist/epoch/erasure-journal.js';
import { Roller } from '../../dist/epoch/roller.js';
import { SealedFileRootKey } from '../../dist/root/sealed-file-root-key.js';

const { SUBJECTS_URL, EPOCH_DIR, ROOT_DIR, DIE_BEFORE, DIE_AFTER_TIMES } = process.env;
const silent = { info: () => undefined, warn: () => undefined };
const root = await SealedFileRootKey.open({ dir: ROOT_DIR, mayCreate: false, now: Date.now, log: silent });
const pool = createPool({ url: SUBJECTS_URL, max: 2, applicationName: 'roll-child' });
let times = 0;
const roller = new Roller({
  pool,
  files: new EpochFiles(join(EPOCH_DIR, 'keys'), root),
  journal: new ErasureJournal(join(EPOCH_DIR, 'erasures')),
  now: () => new Date(),
  rowsPerSecondMax: 1_000_000,
  observe: (step) => {
    if (step === DIE_BEFORE && ++times > Number(DIE_AFTER_TIMES)) process.kill(process.pid, 'SIGKILL');
  },
});
await roller.open();
await roller.roll();
await pool.end();
