import { afterAll, describe, it } from '@jest/globals';
import { diceFor, runSeed, type Dice } from './dice.js';
import { Stand, type LedgerKeys } from './stand.js';

export interface FaultCase {
  readonly stand: Stand;
  readonly dice: Dice;
}

/** As `npm start` has it, unless `FAULT_KEYS` says otherwise. */
function ledgerKeys(): LedgerKeys {
  return process.env['FAULT_KEYS'] === 'sealed-file' ? 'sealed-file' : 'service';
}

/**
 * Declares cases that share one stand. A case that fails leaves its stand's folder behind, names it with the seed, and
 * the next case gets a new stand.
 */
export function faultSuite(subject: string, prepare: (stand: Stand) => Promise<void>, cases: Readonly<Record<string, (context: FaultCase) => Promise<void>>>, keys: LedgerKeys = ledgerKeys(), bus: 'server' | 'cluster' = 'server'): void {
  describe(subject, () => {
    let stand: Stand | undefined;
    process.stderr.write(`${subject}: seed ${runSeed()}\n`);

    it.each(Object.keys(cases))('%s', async (name) => {
      try {
        if (stand === undefined) {
          stand = await Stand.open(keys, bus);
          await prepare(stand);
        }
        await (cases[name] as (context: FaultCase) => Promise<void>)({ stand, dice: diceFor(`${subject}: ${name}`) });
      } catch (error) {
        process.stderr.write(`${subject}: ${name} failed with seed ${runSeed()}; its files are in ${stand?.folder ?? 'no folder'}\n`);
        const failed = stand;
        stand = undefined;
        await failed?.close({ keepFolder: true }).catch((closing: unknown) => process.stderr.write(`not closed: ${String(closing)}\n`));
        throw error;
      }
    });

    afterAll(async () => {
      await stand?.close({ keepFolder: false });
    });
  });
}
