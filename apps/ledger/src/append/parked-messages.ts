import { lastingKeyFault } from '../keys/keys-away.js';
import type { AppendStore, ParkedRow } from './append-store.js';
import type { BodySealer } from './body-sealer.js';
import type { Ledger } from './head.js';
import { maskMessage, unmaskMessage } from './masked-events.js';
import type { StoredPart } from './stored-part.js';
import type { PendingMessage } from './settle.js';

/** A message that was parked, and its personal parts if they were masked. */
export interface OpenedMessage {
  readonly subject: string;
  /** As it came, or with stand-ins for `parts`. */
  readonly body: Buffer;
  /** Of each event, in order; undefined when the body is as it came. */
  readonly parts: readonly (readonly StoredPart[])[] | undefined;
}

/** A parked message, opened; or that it does not open, though the keys are there. */
export type ParkedMessage =
  | (OpenedMessage & { readonly parkedId: number })
  | { readonly parkedId: number; readonly fault: string };

/** Messages kept for a stopped ledger, sealed under its tenant's key. */
export class ParkedMessages {
  constructor(
    private readonly store: Pick<AppendStore, 'park' | 'parked' | 'unpark'>,
    private readonly sealer: BodySealer,
  ) {}

  /** The same message is kept once. Durable on return. Rejects when it cannot be sealed. */
  async keep(ledger: Ledger, message: PendingMessage): Promise<void> {
    const { tenant } = ledger;
    const masked = maskMessage(message.admit(), message.sealed);
    const body = masked === undefined ? await this.sealer.seal('parked', tenant, message.body) : await this.sealer.sealMasked('parked', tenant, masked);
    await this.store.park(ledger, message.subject, body);
  }

  /** The oldest but `except`, at most `limit`. Rejects when the key service is away. */
  async oldest(ledger: Ledger, limit: number, except: readonly number[]): Promise<readonly ParkedMessage[]> {
    const messages: ParkedMessage[] = [];
    for (const row of await this.store.parked(ledger, limit, except)) messages.push(await this.open(ledger, row));
    return messages;
  }

  drop(ledger: Ledger, parkedIds: readonly number[]): Promise<void> {
    return parkedIds.length === 0 ? Promise.resolve() : this.store.unpark(ledger, parkedIds);
  }

  private async open(ledger: Ledger, { parkedId, subject, body }: ParkedRow): Promise<ParkedMessage> {
    if ('clear' in body) return { parkedId, subject, body: body.clear, parts: undefined };
    try {
      const opened = await this.sealer.open('parked', ledger.tenant, body);
      return { parkedId, subject, ...(body.isMasked ? unmaskMessage(opened) : { body: opened, parts: undefined }) };
    } catch (error) {
      const fault = lastingKeyFault(error);
      if (fault === undefined) throw error;
      return { parkedId, fault };
    }
  }
}
