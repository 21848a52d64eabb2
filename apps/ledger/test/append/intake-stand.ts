import { createHash, randomBytes } from 'node:crypto';
import type { ChainFault, Event } from '@countersign/chain';
import { receiptBatchSchema, refusalBatchSchema, type ReceiptBatch, type Refusal } from '@countersign/contracts';
import { FIELD_DIGEST_BYTES } from '@countersign/envelope';
import { createLogger, createRegistry } from '@countersign/runtime';
import type { BodySealer } from '../../src/append/body-sealer.js';
import type { AppendStore } from '../../src/append/append-store.js';
import type { Ledger } from '../../src/append/head.js';
import { intakeMetrics } from '../../src/append/intake-metrics.js';
import { IntakeService, type BusMessage, type WaitingPlace } from '../../src/append/intake-service.js';
import type { PersonalSealer } from '../../src/append/sealed-parts.js';
import type { StoredPart } from '../../src/append/stored-part.js';
import { DIGESTER, SEALER } from './append-stand.js';

/** A message of the bus, and how it was settled. */
export interface Delivery extends BusMessage {
  readonly outcome: Promise<'ack' | 'nak'>;
  readonly settled: ('ack' | 'nak')[];
}

export function delivery(subject: string, body: Uint8Array | readonly unknown[], redelivered = false): Delivery {
  const { promise: outcome, resolve } = Promise.withResolvers<'ack' | 'nak'>();
  const settled: ('ack' | 'nak')[] = [];
  const settle = (how: 'ack' | 'nak'): void => {
    settled.push(how);
    resolve(how);
  };
  const data = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  return { subject, data, redelivered, outcome, settled, ack: () => settle('ack'), nak: () => settle('nak') };
}

export const eventsOn = (tenant: string, events: readonly Event[], redelivered = false): Delivery =>
  delivery(`intake.${events[0]!.source}.${tenant}`, events, redelivered);

/** A part as if it were sealed: its length is told, no more. */
export function sealedPart(json: string, isErased = false): StoredPart {
  return { bytes: Buffer.from(`sealed ${json.length}`), digest: createHash('sha256').update(json).digest('hex').slice(0, 2 * FIELD_DIGEST_BYTES), isErased };
}

/** The intake under test over a given store, with all that it says. */
export class IntakeStand {
  readonly intake: IntakeService;
  readonly published: { subject: string; data: string }[] = [];
  readonly grown: { tenant: string; treeSize: number }[] = [];
  readonly faults: { tenant: string; code: ChainFault['code'] }[] = [];
  readonly logged: string[] = [];
  /** Ledgers that verification has found broken before. */
  readonly stopped = new Set<string>();
  readonly registry = createRegistry({ service: 'ledger', processMetrics: false });
  private brokenListener: (ledger: Ledger) => void = () => undefined;

  /** What waits for keys, as the bus keeps it. */
  readonly waiting = new Map<string, { subject: string; data: Uint8Array }>();

  constructor(store: AppendStore, keys: { readonly personal?: PersonalSealer; readonly sealer?: BodySealer; readonly waiting?: WaitingPlace } = {}) {
    this.intake = new IntakeService({
      waiting: keys.waiting ?? { keep: async (subject, data, name) => void this.waiting.set(name, { subject, data }) },
      personal: keys.personal,
      sealer: keys.sealer ?? SEALER,
      store,
      digester: DIGESTER,
      publish: (subject, data) => this.published.push({ subject, data }),
      now: () => new Date(),
      randomBytes,
      metrics: intakeMetrics(this.registry),
      log: createLogger({ service: 'ledger', level: 'info', destination: { write: (line) => this.logged.push(line) } }),
      onOpened: async (ledger) => ({ stopped: this.stopped.has(ledger.tenant) }),
      onGrown: (ledger, { treeSize }) => this.grown.push({ tenant: ledger.tenant, treeSize }),
      onBroken: (ledger, fault) => {
        this.faults.push({ tenant: ledger.tenant, code: fault.code });
        this.brokenListener(ledger);
      },
    });
  }

  /** Hands messages over as the bus does, without waiting, and says how each was settled. */
  async receive(...deliveries: readonly Delivery[]): Promise<('ack' | 'nak')[]> {
    await Promise.all(deliveries.map((one) => this.intake.receive(one)));
    const outcomes = await Promise.all(deliveries.map(({ outcome }) => outcome));
    await this.intake.told();
    return outcomes;
  }

  whenBroken(): Promise<Ledger> {
    return new Promise((resolve) => (this.brokenListener = resolve));
  }

  receipts(source: string): ReceiptBatch[] {
    return this.published.filter(({ subject }) => subject === `ledger.receipt.${source}`).map(({ data }) => receiptBatchSchema.parse(JSON.parse(data)));
  }

  refusals(source: string): Refusal[] {
    return this.published
      .filter(({ subject }) => subject === `ledger.refused.${source}`)
      .flatMap(({ data }) => refusalBatchSchema.parse(JSON.parse(data)).refusals);
  }
}

/** Methods that can be taken apart. */
export function boundOf(one: IntakeStand) {
  return {
    intake: one.intake,
    grown: one.grown,
    receive: one.receive.bind(one),
    receipts: one.receipts.bind(one),
    refusals: one.refusals.bind(one),
  };
}
