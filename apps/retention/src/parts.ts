import type { EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import type { PolicyRows } from './store/policy-rows.js';

/** What the operations stand on. */
export interface Flows {
  /** Ledger of what belongs to the installation and to no organisation. */
  readonly tenant: string;
  readonly store: EventStore;
  readonly pool: Pool;
  readonly policies: PolicyRows;
  /** A new opaque id. */
  readonly newId: () => string;
}
