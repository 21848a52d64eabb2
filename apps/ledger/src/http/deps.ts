import type { Verdict, VerifyRange } from '@countersign/contracts';
import type { Operations } from '@countersign/operations-http';
import type { Logger } from '@countersign/runtime';
import type { Ledger } from '../append/head.js';
import type { CheckpointSigner } from '../keys/checkpoint-signer.js';
import type { Prover } from '../prove/prover.js';
import type { PartOpener } from '../search/open-parts.js';
import type { Searcher } from '../search/searcher.js';
import type { PgProducers } from '../store/pg-producers.js';
import type { PgReadStore } from '../store/pg-read-store.js';
import { ReadFault } from '../store/read-fault.js';
import type { TileCache } from '../store/tile-cache.js';

/** Verification as readers may use it. */
export interface VerificationView {
  latest(tenant: string): Promise<Verdict | undefined>;
  /** Latest first. */
  history(tenant: string, limit: number): Promise<readonly Verdict[]>;
  verifyRange(tenant: string, range: VerifyRange): Promise<Verdict>;
}

/** Everything that the HTTP edge of the ledger uses. */
export interface HttpDeps extends Operations {
  readonly store: PgReadStore;
  readonly tiles: TileCache;
  readonly prover: Prover;
  readonly searcher: Searcher;
  readonly opener: PartOpener;
  readonly producers: PgProducers;
  readonly verification: VerificationView;
  /** Knows the public keys of a ledger's own checkpoints; nothing is signed here. */
  readonly signer: Pick<CheckpointSigner, 'vkeys'>;
  readonly log: Logger;
}

/** Names {@link HttpDeps} for injection. */
export const HTTP_DEPS = Symbol('HttpDeps');

/** The ledger of a tenant. Throws LEDGER_UNKNOWN. */
export async function requireLedger(deps: Pick<HttpDeps, 'store'>, tenant: string): Promise<Ledger> {
  const ledger = await deps.store.ledger(tenant);
  if (ledger === undefined) throw new ReadFault('LEDGER_UNKNOWN', 'there is no ledger of this name', 'tenant');
  return ledger;
}
