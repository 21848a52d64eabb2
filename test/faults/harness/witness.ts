import { parseCheckpoint, type Receipt, type TreeHead } from '@countersign/chain';
import { connectBus, publishIntake, type BusConnection } from '@countersign/bus';
import type { ReceiptBatch, Refusal, RefusalBatch, Verdict } from '@countersign/contracts';

const PUBLISH_TIMEOUT_MS = 5_000;

/** Listens to everything that the ledger ever says on the bus and keeps it, so that two stories cannot both be told. */
export class Witness {
  /** Every receipt seen, by event id. Contradicting ones are kept beside each other. */
  readonly receipts = new Map<string, Receipt[]>();
  /** How often each event's receipt was heard. */
  readonly timesReceipted = new Map<string, number>();
  readonly refusals: Refusal[] = [];
  readonly checkpoints: TreeHead[] = [];
  readonly broken: Verdict[] = [];

  private constructor(readonly bus: BusConnection) {
    bus.subscribe('ledger.receipt.*', ({ data }) => this.#receipts(JSON.parse(text(data)) as ReceiptBatch));
    bus.subscribe('ledger.refused.*', ({ data }) => this.refusals.push(...(JSON.parse(text(data)) as RefusalBatch).refusals));
    bus.subscribe('ledger.checkpoint.*', ({ data }) => this.checkpoints.push(parseCheckpoint(text(data))));
    bus.subscribe('ledger.integrity.*', ({ data }) => {
      const verdict = JSON.parse(text(data)) as Verdict;
      if (verdict.verdict === 'broken') this.broken.push(verdict);
    });
  }

  /** Connects as a service does. */
  static async open(natsUrl: string, seedFile: string): Promise<Witness> {
    return new Witness(await connectBus({ url: natsUrl, nkeySeedFile: seedFile, name: 'witness' }));
  }

  /** Sends a message of any content to the intake, as any service could. */
  async send(subject: string, body: Uint8Array | string): Promise<void> {
    await publishIntake(this.bus, subject, body, { timeoutMs: PUBLISH_TIMEOUT_MS });
  }

  async close(): Promise<void> {
    await this.bus.close();
  }

  #receipts({ recorded, repeated }: ReceiptBatch): void {
    for (const receipt of [...recorded, ...repeated]) {
      this.timesReceipted.set(receipt.id, (this.timesReceipted.get(receipt.id) ?? 0) + 1);
      const known = this.receipts.get(receipt.id);
      if (known === undefined) this.receipts.set(receipt.id, [receipt]);
      else if (!known.some((one) => JSON.stringify(one) === JSON.stringify(receipt))) known.push(receipt);
    }
  }
}

const text = (data: Uint8Array): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
