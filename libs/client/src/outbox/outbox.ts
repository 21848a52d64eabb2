import { prepareEvent, isoClock, type EmitInput } from '../event-input.js';
import { uuidV7Source } from '../event-id.js';
import type { BusChoice } from '../open-emitter.js';
import { checkSource, type DeliveryOptions } from '../options.js';
import type { Emitted } from '../pipeline.js';
import { checkOutboxSize, enqueueRow, type SqlClient } from './enqueue.js';
import { openRelay, type OpenRelay } from './open-relay.js';
import { sealPersonal, type OutboxCipher } from './personal.js';
import type { RelayStats } from './relay.js';
import { OutboxRows, type Pool } from './rows.js';
import { checkSchema, outboxChannel, OUTBOX_SCHEMA_DEFAULT } from './schema.js';

export interface OutboxOptions extends DeliveryOptions, BusChoice {
  readonly source: string;
  /** The service's own database. The relay holds one connection of it for itself. */
  readonly pool: Pool;
  /** Schema of the tables of `outboxMigrationSql`. Default `public`. */
  readonly schema?: string;
  /** `keep` (default) stores the receipt in the row; `delete` deletes the row when its receipt came. */
  readonly receipts?: 'keep' | 'delete';
  /** Encrypts personal parts before they reach the database. Without it an event that has some is refused. */
  readonly cipher?: OutboxCipher;
  readonly clock?: () => number;
  readonly newId?: () => string;
}

/** See `openOutbox`. */
export class Outbox {
  readonly #source: string;
  readonly #schema: string;
  readonly #newId: () => string;
  readonly #nowIso: () => string;
  readonly #rows: OutboxRows;
  readonly #relay: OpenRelay;
  readonly #cipher: OutboxCipher | undefined;

  constructor(options: OutboxOptions) {
    checkSource(options.source);
    const clock = options.clock ?? Date.now;
    this.#source = options.source;
    this.#schema = checkSchema(options.schema ?? OUTBOX_SCHEMA_DEFAULT);
    this.#newId = options.newId ?? uuidV7Source(clock);
    this.#nowIso = isoClock(clock);
    this.#rows = new OutboxRows(options.pool, this.#schema, this.#source, options.receipts !== 'delete', options.cipher);
    this.#cipher = options.cipher;
    this.#relay = openRelay({
      ...options,
      rows: this.#rows,
      lockName: `countersign.outbox/${this.#schema}/${this.#source}`,
      channel: outboxChannel(this.#schema, this.#source),
    });
  }

  /**
   * Writes the event with `client`, inside the transaction that the caller holds open: the event is recorded if and
   * only if that transaction commits. Enqueue late in the transaction: the producer's counter stays locked until its end.
   * Rejects with EmitError EVENT_* if the ledger would refuse the event, PERSONAL_UNSEALED if it has personal parts
   * and there is no cipher; errors of cipher and database come as they are.
   */
  async enqueue(client: SqlClient, input: EmitInput): Promise<Emitted> {
    const prepared = prepareEvent(input, this.#source, this.#newId, this.#nowIso);
    checkOutboxSize(prepared);
    return enqueueRow(client, this.#schema, this.#source, await sealPersonal(prepared, this.#cipher));
  }

  /** Counters of this process since it became the active relay. */
  stats(): RelayStats {
    return this.#relay.stats();
  }

  /** Rows without receipt or refusal in the database, and the age of the oldest: what to alert on. */
  backlog(): Promise<{ readonly rows: number; readonly oldestAgeSeconds: number }> {
    return this.#rows.backlog();
  }

  /** Stops relaying. Rows without a receipt stay and are sent by the next relay. The pool stays open. */
  async close(): Promise<void> {
    await this.#relay.close();
  }
}

/**
 * Opens the outbox of a service and starts its relay. Every instance of the service may do so: one relays, the others
 * stand by. Throws EmitError OPTION_INVALID.
 */
export function openOutbox(options: OutboxOptions): Outbox {
  return new Outbox(options);
}
