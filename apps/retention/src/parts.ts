import type { EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import type { HoldRows } from './store/hold-rows.js';
import type { KeyClient } from '@countersign/key-client';
import type { Calendar } from '@countersign/legal-clock';
import type { ExportFiles } from './files/export-files.js';
import type { HandOuts } from './files/hand-outs.js';
import type { PersonHolders } from './requests/person-holders.js';
import type { Tombstones } from './requests/tombstones.js';
import type { RemainderRows } from './store/remainder-rows.js';
import type { RequestRows } from './store/request-rows.js';
import type { RestrictionRows } from './store/restriction-rows.js';
import type { PolicyRows } from './store/policy-rows.js';
import type { DryRun } from './policies/dry-run.js';
import type { TypeRows } from './store/type-rows.js';
import type { FetchedOrders } from './resources/fetched-orders.js';
import type { Recall } from './sweep/recall.js';

/** What requests of data subjects stand on. */
export interface RequestFlows {
  readonly now: () => Date;
  /** Where days are counted. */
  readonly calendar: Calendar;
  /** How long a deletion can be withdrawn. */
  readonly erasureWaitMs: number;
  readonly requests: RequestRows;
  readonly restrictions: RestrictionRows;
  readonly remainders: RemainderRows;
  readonly persons: PersonHolders;
  readonly tombstones: Tombstones;
  readonly files: ExportFiles;
  readonly handOuts: HandOuts;
  readonly keyClient: KeyClient;
  /** Told that there is something to do. */
  readonly worker: { wake(): void };
}

/** What the operations stand on. */
export interface Flows extends RequestFlows {
  /** Ledger of what belongs to the installation and to no organisation. */
  readonly tenant: string;
  readonly store: EventStore;
  readonly pool: Pool;
  readonly policies: PolicyRows;
  readonly holds: HoldRows;
  /** After a hold's release nothing that it covered is destroyed for so long. */
  readonly announceMs: number;
  readonly types: TypeRows;
  /** Calls back orders that a hold touches. */
  readonly recall: Recall;
  /** What a change of policies would do. */
  readonly dryRuns: DryRun;
  /** Orders of services that fetch them. */
  readonly fetched: FetchedOrders;
  /** A new opaque id. */
  readonly newId: () => string;
}
