import { randomBytes } from 'node:crypto';
import type { BodySealer, KeptFor, SealedBody } from './body-sealer.js';

/** A body that a version which did not seal has left in the clear. */
export interface ClearBody {
  readonly rowId: number;
  /** Whose key seals it. */
  readonly tenant: string;
  readonly body: Buffer;
}

export interface ClearBodyStore {
  /** The oldest, at most `limit`. */
  clear(keptFor: KeptFor, limit: number): Promise<readonly ClearBody[]>;
  /** Puts the sealed body in the place of the clear one. False, with nothing changed, when another row has its digest. */
  replaceClear(keptFor: KeptFor, rowId: number, sealed: SealedBody): Promise<boolean>;
}

const ROWS_AT_ONCE = 50;
const DIGEST_BYTES = 32;

/** Seals every body that lies in the clear, row by row: whatever ends it, the next call goes on. Returns how many it sealed. Rejects as the sealer and the store do. */
export async function sealClearBodies(store: ClearBodyStore, sealer: BodySealer): Promise<number> {
  let sealed = 0;
  for (const keptFor of ['quarantine', 'parked'] as const) {
    for (let rows = await store.clear(keptFor, ROWS_AT_ONCE); rows.length > 0; rows = await store.clear(keptFor, ROWS_AT_ONCE)) {
      for (const { rowId, tenant, body } of rows) {
        if (await store.replaceClear(keptFor, rowId, await sealer.seal(keptFor, tenant, body))) sealed += 1;
        // The same came again since and is kept already: this row is kept beside it, under a name that recognises nothing.
        else if (await store.replaceClear(keptFor, rowId, await sealer.seal(keptFor, tenant, body, randomBytes(DIGEST_BYTES)))) sealed += 1;
      }
    }
  }
  return sealed;
}
