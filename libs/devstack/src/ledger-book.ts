import { createHash } from 'node:crypto';
import { admitEvent, ChainFault, type Receipt } from '@countersign/chain';
import { receiptSubject, refusedSubject, type Refusal } from '@countersign/contracts';

/** An event as it arrived at a `LedgerBook`. */
export interface BookedEvent {
  readonly id: string;
  readonly tenant: string;
  readonly sequence: number | undefined;
  readonly json: string;
}

/**
 * The ledger's side of the receipt protocol for tests of producers, without chain or disk: admits by the real rules,
 * records every id once, refuses an id with other content, answers with receipts.
 */
export class LedgerBook {
  /** Ids that are refused, with their code. */
  readonly refusing = new Map<string, string>();
  /** Tenants whose ledger answers nothing. */
  readonly stopped = new Set<string>();
  /** Everything that arrived, in order, copies included. */
  readonly arrived: BookedEvent[] = [];
  /** What the ledger holds: first arrivals, in order. */
  readonly recorded: BookedEvent[] = [];
  readonly #known = new Map<string, { readonly receipt: Receipt; readonly content: string }>();

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
      const decided = this.#decide(event, stored, source);
      if ('refusal' in decided) refusals.push(decided.refusal);
      else (decided.repeated ? repeated : recorded).push(decided.receipt);
    }
    const answers: { subject: string; body: string }[] = [];
    if (recorded.length + repeated.length > 0) answers.push({ subject: receiptSubject(source), body: JSON.stringify({ recorded, repeated }) });
    if (refusals.length > 0) answers.push({ subject: refusedSubject(source), body: JSON.stringify({ refusals }) });
    return answers;
  }

  #decide(event: { id: string }, stored: BookedEvent, source: string): { refusal: Refusal } | { receipt: Receipt; repeated: boolean } {
    const { id, tenant } = stored;
    const code = this.refusing.get(id);
    if (code !== undefined) return { refusal: { id, tenant, code, field: 'data', message: 'refused by the test' } };
    try {
      const { content } = admitEvent(event, { source, tenant });
      const known = this.#known.get(`${tenant} ${id}`);
      if (known === undefined) return { receipt: this.#record(stored, content), repeated: false };
      if (known.content !== content) throw new ChainFault('EVENT_ID_REUSED', 'id is on record with other content', { field: 'id' });
      return { receipt: known.receipt, repeated: true };
    } catch (error) {
      const fault = error as ChainFault;
      return { refusal: { id, tenant, code: fault.code, field: fault.detail.field, message: fault.message } };
    }
  }

  #record(stored: BookedEvent, content: string): Receipt {
    this.recorded.push(stored);
    const receipt = {
      id: stored.id,
      tenant: stored.tenant,
      index: this.#known.size,
      eventHash: createHash('sha256').update(stored.json).digest('hex'),
      recordedAt: '2026-01-31T09:30:00.000Z',
    };
    this.#known.set(`${stored.tenant} ${stored.id}`, { receipt, content });
    return receipt;
  }
}
