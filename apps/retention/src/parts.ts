import type { EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import type { HoldRows } from './store/hold-rows.js';
import type { PolicyRows } from './store/policy-rows.js';

/** What the operations stand on. */
export interface Flows {
  /** Ledger of what belongs to the installation and to no organisation. */
  readonly tenant: string;
  readonly store: EventStore;
  readonly pool: Pool;
  readonly policies: PolicyRows;
  readonly holds: HoldRows;
  /** After a hold's release nothing that it covered is destroyed for so long. */
  readonly announceMs: number;
  /** A new opaque id. */
  readonly newId: () => string;
}
