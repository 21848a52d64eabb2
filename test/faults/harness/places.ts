import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Programs that the tests start. */
export const PROGRAMS = dirname(fileURLToPath(import.meta.url));
const ROOT = join(PROGRAMS, '../../..');

export const LEDGER_MAIN = join(ROOT, 'apps/ledger/dist/main.js');
export const LEDGER_PROVISION = join(ROOT, 'apps/ledger/dist/provision-main.js');
export const KEYS_MAIN = join(ROOT, 'apps/keys/dist/main.js');
export const KEYS_PROVISION = join(ROOT, 'apps/keys/dist/provision-main.js');
export const CLI_MAIN = join(ROOT, 'apps/cli/dist/main.js');
