import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { publishIntake, type BusConnection } from '@countersign/bus';
import { decodeEntry, DESTRUCTION_ORDERED, DESTRUCTION_RECALLED, parseCheckpoint, type DestructionStatement, type Event } from '@countersign/chain';
import { intakeSubject, type HeldOrder } from '@countersign/contracts';
import { HolderFault } from '@countersign/holder';
import type { Ledger } from '../append/head.js';
import type { CheckpointArchive } from '../checkpoint/archive.js';
import type { PgReadStore } from '../store/pg-read-store.js';
import { LEDGER_SOURCE } from '../verify/verdict-event.js';

const PUBLISH_TIMEOUT_MS = 5_000;
const LOOK_MS = 50;
/** Sent again when it is not on record by then: a PubAck is not a receipt. */
const RESEND_MS = 5_000;
const WAIT_MS_MAX = 20_000;
/** While the service ends. */
const LAST_WAIT_MS_MAX = 3_000;

/** The ledger's own entries about destruction. */
export interface DestructionRecords {
  /** Resolves when the event is on record and a signed checkpoint, kept outside the database, covers it. Safe to repeat. */
  record(ledger: Ledger, event: Event): Promise<void>;
}

export interface RecordsOptions {
  readonly bus: BusConnection;
  readonly read: Pick<PgReadStore, 'leafByEventId'>;
  readonly archive: Pick<CheckpointArchive, 'latest'>;
}

/** Through the intake, like everybody's events. */
export class BusDestructionRecords implements DestructionRecords {
  #lastMs = Infinity;

  constructor(private readonly options: RecordsOptions) {}

  /** The service ends: what a stopped ledger, or one without its keys, does not record is not waited for. The order comes again. */
  endSoon(): void {
    this.#lastMs = performance.now() + LAST_WAIT_MS_MAX;
  }

  async record(ledger: Ledger, event: Event): Promise<void> {
    const { bus, read } = this.options;
    const endMs = performance.now() + WAIT_MS_MAX;
    let resendMs = 0;
    while (performance.now() < Math.min(endMs, this.#lastMs)) {
      const leaf = await read.leafByEventId(ledger, event.id);
      if (leaf !== undefined && !isOwn(leaf.entry, event)) throw new HolderFault('HOLDER_INTERNAL', 'somebody else has recorded an event of this id');
      if (leaf !== undefined && (await this.#isSigned(ledger, leaf.leafIndex))) return;
      if (leaf === undefined && performance.now() >= resendMs) {
        await publishIntake(bus, intakeSubject(LEDGER_SOURCE, ledger.tenant), Buffer.from(JSON.stringify(event)), { timeoutMs: PUBLISH_TIMEOUT_MS });
        resendMs = performance.now() + RESEND_MS;
      }
      await sleep(LOOK_MS);
    }
    throw new HolderFault('HOLDER_UNAVAILABLE', 'the ledger does not get the statement recorded and signed');
  }

  async #isSigned({ tenant }: Ledger, leafIndex: number): Promise<boolean> {
    const note = await this.options.archive.latest(tenant);
    return note !== undefined && parseCheckpoint(note).treeSize > leafIndex;
  }
}

/** Ids of orders are no secret: another service could be first to record an event of the same id, and it would state nothing. */
function isOwn(entry: Uint8Array, { type, source }: Event): boolean {
  const recorded = decodeEntry(entry);
  return recorded.type === type && recorded.source === source;
}

/** The same order has the same event, whoever sends it how often. */
function statementIdOf(orderId: string, type: typeof DESTRUCTION_ORDERED | typeof DESTRUCTION_RECALLED): string {
  const hex = createHash('sha256').update(`${type}\n${orderId}`).digest('hex');
  // UUID version 8 (RFC 9562 §5.8).
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${((parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}

export function orderedEvent({ orderId, tenant, action, policyVersion, orderedAt }: HeldOrder, statement: Omit<DestructionStatement, 'order'>): Event {
  return {
    ...ownEvent(tenant, DESTRUCTION_ORDERED, orderId, orderedAt),
    data: { order: orderId, action, policyVersion, parts: [...statement.parts], types: [...statement.types], ranges: statement.ranges.map((range) => [...range]) },
  };
}

/** `at` is that of the recall as it is on record, so that it is the same event again. */
export function recalledEvent(tenant: string, orderId: string, at: string): Event {
  return { ...ownEvent(tenant, DESTRUCTION_RECALLED, orderId, at), data: { order: orderId } };
}

function ownEvent(tenant: string, type: typeof DESTRUCTION_ORDERED | typeof DESTRUCTION_RECALLED, orderId: string, time: string): Event {
  return { id: statementIdOf(orderId, type), type, source: LEDGER_SOURCE, tenant, time, severity: 'notice', outcome: 'success', actor: { type: 'service', id: 'retention' }, resource: { type: 'retention-order', id: orderId } };
}
