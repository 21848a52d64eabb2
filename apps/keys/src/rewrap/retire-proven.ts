import { SELF, type KeyRing } from '../keyring/key-ring.js';
import type { HolderRows } from '../store/holder-rows.js';

/** Versions retired in one round. */
const RETIRED_A_ROUND_MAX = 50;

interface RetireDependencies {
  readonly holders: HolderRows;
  readonly ring: KeyRing;
  readonly now: () => number;
  /** So long an old version is kept though nothing lies under it: databases put back from backups of that age must be readable. */
  readonly keptMs: number;
}

/** Destroys old versions of data keys under which every holder has shown by a scan that nothing is left. How many. */
export async function retireProven({ holders, ring, now, keptMs }: RetireDependencies): Promise<number> {
  let retired = 0;
  for (const { tenant, purpose, version } of await holders.retirable(new Date(now() - keptMs), RETIRED_A_ROUND_MAX)) {
    const remaining = await holders.provenRemaining({ tenant, purpose }, version);
    if (remaining !== 0) continue;
    await ring.execute({ tenant, purpose }, { type: 'retire-version', version, remaining, atMs: now() }, SELF);
    retired++;
  }
  return retired;
}
