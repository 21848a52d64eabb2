import { EmitError } from '../errors.js';
import type { PreparedEvent } from '../event-input.js';

/**
 * Encrypts what an outbox holds about persons; `row` is the event's id, to which the text must be bound. With a key service:
 * `keys.fields` of libs/key-client. Both reject when they cannot now: then the transaction fails, or the relay tries again.
 */
export interface OutboxCipher {
  seal(tenant: string, row: string, bytes: Uint8Array): Promise<string>;
  open(tenant: string, row: string, text: string): Promise<Uint8Array>;
}

/** An event in two: what may lie readable in the service's database, and the rest, encrypted. */
export interface SealedEvent extends PreparedEvent {
  readonly personal: string | undefined;
}

/** Throws EmitError PERSONAL_UNSEALED for an event with personal parts when there is no cipher. */
export async function sealPersonal(prepared: PreparedEvent, cipher: OutboxCipher | undefined): Promise<SealedEvent> {
  const { personal, ...rest } = JSON.parse(prepared.content) as { readonly personal?: unknown };
  if (personal === undefined) return { ...prepared, personal: undefined };
  if (cipher === undefined) throw new EmitError('PERSONAL_UNSEALED', 'an outbox takes personal parts only with a cipher: they would lie in the database as they are', 'personal');
  const text = await cipher.seal(prepared.tenant, prepared.id, Buffer.from(JSON.stringify(personal)));
  return { ...prepared, content: JSON.stringify(rest), personal: text };
}

/** The event as it is sent. */
export async function withPersonal(row: { readonly tenant: string; readonly id: string; readonly event: string }, personal: string | null, cipher: OutboxCipher | undefined): Promise<string> {
  if (personal === null) return row.event;
  if (cipher === undefined) throw new EmitError('PERSONAL_UNSEALED', 'the outbox holds encrypted personal parts, and was opened without their cipher', 'cipher');
  const opened = Buffer.from(await cipher.open(row.tenant, row.id, personal)).toString('utf8');
  return `${row.event.slice(0, -1)},"personal":${opened}}`;
}
