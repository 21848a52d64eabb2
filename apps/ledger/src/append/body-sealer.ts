import { createHmac } from 'node:crypto';
import { FIELD_BYTES_MAX } from '@countersign/envelope';
import type { FieldPlace } from '@countersign/key-client';

export interface FieldSealer {
  /** `v2:…` of the value. Rejects soon when the key cannot be had now, with what `isKeysAway` knows. */
  seal(tenant: string, purpose: string, place: FieldPlace, bytes: Uint8Array): Promise<string>;
  /** Rejects with KeyClientError, EnvelopeFault. */
  open(tenant: string, purpose: string, place: FieldPlace, text: string): Promise<Buffer>;
}

/** A body as the database keeps it. */
export interface SealedBody {
  /** HMAC-SHA-256 under a key of the ledger's own: tells a repeat, and is the row's name in what is sealed. */
  readonly digest: Buffer;
  /** `v2:…` of each 64 KiB; at least one. */
  readonly chunks: readonly string[];
  /** Personal parts in it are sealed under their subjects' keys. */
  readonly isMasked: boolean;
}

/** What bodies are kept for; each has keys of its own in each tenant. */
export type KeptFor = 'quarantine' | 'parked';

/** Where bodies lie, and the purpose of their keys. */
export const KEPT: Readonly<Record<KeptFor, { readonly purpose: string; readonly table: string }>> = {
  quarantine: { purpose: 'ledger.quarantine', table: 'quarantine' },
  parked: { purpose: 'ledger.parked', table: 'parked_messages' },
};
const COLUMN = 'sealed_body';
// Apart: a body as it came must never be read as a masked one, whoever says so in the database.
const MASKED_COLUMN = 'masked_body';
const DIGEST_KEY_LABEL = 'countersign.ledger.body-digest.v1';

/** Seals what the ledger keeps beside its chain: a message that nobody could read may hold anything, personal data included. */
export class BodySealer {
  private readonly digestKey: Buffer;

  /** @param key the ledger's key of content digests; another one is derived from it */
  constructor(
    private readonly fields: FieldSealer,
    key: Uint8Array,
  ) {
    this.digestKey = createHmac('sha256', key).update(DIGEST_KEY_LABEL).digest();
  }

  /** A bare hash of a short value could be guessed; this needs the key. */
  digest(body: Uint8Array): Buffer {
    return createHmac('sha256', this.digestKey).update(body).digest();
  }

  /** Rejects as {@link FieldSealer.seal}. */
  seal(keptFor: KeptFor, tenant: string, body: Uint8Array, digest = this.digest(body)): Promise<SealedBody> {
    return this.sealChunks(keptFor, tenant, body, digest, false);
  }

  /** The same of masked events. Rejects as {@link FieldSealer.seal}. */
  sealMasked(keptFor: KeptFor, tenant: string, { body, identity }: Readonly<Record<'body' | 'identity', Uint8Array>>): Promise<SealedBody> {
    return this.sealChunks(keptFor, tenant, body, this.digest(identity), true);
  }

  private async sealChunks(keptFor: KeptFor, tenant: string, body: Uint8Array, digest: Buffer, isMasked: boolean): Promise<SealedBody> {
    const { purpose } = KEPT[keptFor];
    const count = Math.max(1, Math.ceil(body.length / FIELD_BYTES_MAX));
    const chunks: string[] = [];
    for (let i = 0; i < count; i++) {
      const bytes = body.subarray(i * FIELD_BYTES_MAX, (i + 1) * FIELD_BYTES_MAX);
      chunks.push(await this.fields.seal(tenant, purpose, keptPlace(keptFor, { digest, isMasked }, i, count), bytes));
    }
    return { digest, chunks, isMasked };
  }

  /** Rejects with KeyClientError, and EnvelopeFault FIELD_NOT_AUTHENTIC for a body that is not this row's, whole and in order. */
  async open(keptFor: KeptFor, tenant: string, sealed: SealedBody): Promise<Buffer> {
    const { purpose } = KEPT[keptFor];
    const { chunks } = sealed;
    const opened: Buffer[] = [];
    for (const [i, text] of chunks.entries()) {
      opened.push(await this.fields.open(tenant, purpose, keptPlace(keptFor, sealed, i, chunks.length), text));
    }
    return Buffer.concat(opened);
  }
}

/** Where one chunk of a body was sealed for. The count is bound too: a body that lost its end must not open. */
export function keptPlace(keptFor: KeptFor, { digest, isMasked }: Pick<SealedBody, 'digest' | 'isMasked'>, chunk: number, count: number): FieldPlace {
  return { table: KEPT[keptFor].table, column: isMasked ? MASKED_COLUMN : COLUMN, row: `${digest.toString('hex')}/${chunk}/${count}` };
}
