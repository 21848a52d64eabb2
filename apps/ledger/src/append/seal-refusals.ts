import type { SealedQuarantineRow } from './append-store.js';
import type { BodySealer } from './body-sealer.js';
import { putOff, type Settlement } from './settle.js';

/**
 * Seals what a batch refuses, as it is going to lie in quarantine. A message whose refusals cannot be sealed now is put off:
 * its other events are recorded, it comes again, and until then nothing of it is refused, lost or stored in the clear.
 * Never rejects: a key that cannot be had must not stop appends.
 */
export async function sealRefusals(tenant: string, settlements: readonly Settlement[], sealer: BodySealer, onPutOff: (error: unknown) => void): Promise<SealedQuarantineRow[]> {
  const sealed: SealedQuarantineRow[] = [];
  let failure: { readonly why: unknown } | undefined;
  for (const settlement of settlements) {
    if (settlement.quarantine.length === 0) continue;
    try {
      // After the first failure nobody waits again.
      if (failure === undefined) sealed.push(...(await sealAll(tenant, settlement, sealer)));
      else putOff(settlement, failure.why);
    } catch (error) {
      failure = { why: error };
      putOff(settlement, error);
      onPutOff(error);
    }
  }
  return sealed;
}

async function sealAll(tenant: string, { quarantine }: Settlement, sealer: BodySealer): Promise<SealedQuarantineRow[]> {
  const rows: SealedQuarantineRow[] = [];
  for (const { body, identity, ...row } of quarantine) {
    const sealed = identity === undefined ? sealer.seal('quarantine', tenant, body) : sealer.sealMasked('quarantine', tenant, { body, identity });
    rows.push({ ...row, body: await sealed });
  }
  return rows;
}
