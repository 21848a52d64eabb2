import { createHash } from 'node:crypto';
import { admitEvent, ChainFault, type Receipt } from '@countersign/chain';
import { receiptSubject, refusedSubject, type Refusal } from '@countersign/contracts';

export interface Stored {
  readonly id: string;
  readonly tenant: string;
  readonly sequence: number | undefined;
  readonly json: string;
}

/** A small ledger without chain or disk: admits by the real rules, records every id once, answers with receipts. */
export class LedgerBook {
  /** Ids that are refused, with their code. */
  readonly refusing = new Map<string, string>();
  /** Tenants whose ledger answers nothing. */
  readonly stopped = new Set<string>();
  /** Everything that arrived, in order, copies included. */
  readonly arrived: Stored[] = [];
  /** What the ledger holds: first arrivals, in order. */
  readonly recorded: Stored[] = [];
  readonly #receipts = new Map<string, Receipt>();

  /** Takes one message of the intake; returns what is to be published. */
  enter(subject: string, body: Uint8Array): { subject: string; body: string }[] {
    const [, source, tenant] = subject.split('.') as [string, string, string];
    if (this.stopped.has(tenant)) return [];
    const recorded: Receipt[] = [];
    const repeated: Receipt[] = [];
    const refusals: Refusal[] = [];
    for (const event of JSON.parse(Buffer.from(body).toString('utf8')) as { id: string; producer?: { sequence: number } }[]) {
      const stored = { id: event.id, tenant, sequence: event.producer?.sequence, json: JSON.stringify(event) };
      this.arrived.push(stored);
      const refusal = this.#refusal(event, source, tenant);
      const known = this.#receipts.get(`${tenant} ${event.id}`);
      if (refusal !== undefined) refusals.push(refusal);
      else if (known !== undefined) repeated.push(known);
      else recorded.push(this.#record(stored));
    }
    const answers: { subject: string; body: string }[] = [];
    if (recorded.length + repeated.length > 0) answers.push({ subject: receiptSubject(source), body: JSON.stringify({ recorded, repeated }) });
    if (refusals.length > 0) answers.push({ subject: refusedSubject(source), body: JSON.stringify({ refusals }) });
    return answers;
  }

  #refusal(event: { id: string }, source: string, tenant: string): Refusal | undefined {
    const code = this.refusing.get(event.id);
    if (code !== undefined) return { id: event.id, tenant, code, field: 'data', message: 'refused by the test' };
    try {
      admitEvent(event, { source, tenant });
      return undefined;
    } catch (error) {
      const fault = error as ChainFault;
      return { id: event.id, tenant, code: fault.code, field: fault.detail.field, message: fault.message };
    }
  }

  #record(stored: Stored): Receipt {
    this.recorded.push(stored);
    const receipt = {
      id: stored.id,
      tenant: stored.tenant,
      index: this.#receipts.size,
      eventHash: createHash('sha256').update(stored.json).digest('hex'),
      recordedAt: '2026-01-31T09:30:00.000Z',
    };
    this.#receipts.set(`${stored.tenant} ${stored.id}`, receipt);
    return receipt;
  }
}
