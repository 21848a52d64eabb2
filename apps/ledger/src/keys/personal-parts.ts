import { randomBytes } from 'node:crypto';
import { EnvelopeFault, fieldDigest, fieldKey, KEY_BYTES, parseField, sealFieldBytes } from '@countersign/envelope';
import { KeyClientError, type FieldPlace, type SubjectCipher, type SubjectKeys } from '@countersign/key-client';
import type { AtOnceSealer, ClearPart, PersonalSealer } from '../append/sealed-parts.js';
import type { StoredPart } from '../append/stored-part.js';
import type { OpenedPart, PartOpener, SealedPart } from '../search/open-parts.js';
import { isKeysAway } from './keys-away.js';

/** Names the key of what was recorded about a subject after its erasure: thrown away as soon as it had sealed. */
export const ERASED_KEY_ID = 'erased';
/** Whose keys are gone for good. */
const ERASED = new Set(['SUBJECT_ERASED', 'KEY_DESTROYED']);

/** docs/spec/ledger-format.md, "Parts". */
const placeOf = (eventId: string): FieldPlace => ({ table: 'part', column: 'personal', row: eventId });

/** Personal parts under the keys of their subjects, leased from the key service: nothing of it waits but a key that is not at hand. */
export class PersonalParts implements PersonalSealer, PartOpener {
  private isAway = false;
  private isProbing = false;

  readonly atOnce: AtOnceSealer = {
    forSubjects: (tenant, subjects) => {
      const leased = this.subjects.leased(tenant, subjects);
      return leased && (({ subject, eventId, json }) => {
        const { bytes, digest } = leased.seal(subject, placeOf(eventId), Buffer.from(json, 'utf8'));
        return { bytes, digest, isErased: false };
      });
    },
  };

  constructor(private readonly subjects: SubjectCipher) {}

  /** Throws KeyClientError, EnvelopeFault. */
  async seal(tenant: string, parts: readonly ClearPart[]): Promise<readonly StoredPart[]> {
    const stored: StoredPart[] = [];
    // A lease may end with its last use in the middle of a message; the next one is then asked for.
    for (let before = -1; stored.length < parts.length; ) {
      if (stored.length === before) throw new KeyClientError('LEASE_SPENT', 'leases of these keys are used up as fast as they come');
      before = stored.length;
      const rest = before === 0 ? parts : parts.slice(before);
      const keys = await this.keysOf(tenant, rest.map(({ subject }) => subject));
      sealWhileKeysLast(keys, rest, stored);
    }
    return stored;
  }

  /** Never rejects: what cannot be opened says why. */
  async open(tenant: string, parts: readonly SealedPart[]): Promise<readonly OpenedPart[]> {
    const items = parts.map(({ eventId, text }) => ({ tenant, context: placeOf(eventId), text }));
    const asked = items.filter(({ text }) => !isThrownAway(text));
    try {
      const opened = (await this.subjects.openAll(asked)).values();
      return items.map(({ text }): OpenedPart => {
        const result = isThrownAway(text) ? { fault: 'SUBJECT_ERASED' } : opened.next().value!;
        if ('bytes' in result) return { state: 'present', value: JSON.parse(result.bytes.toString('utf8')) as unknown };
        return ERASED.has(result.fault) ? { state: 'erased' } : { state: 'unavailable', code: result.fault };
      });
    } catch (error) {
      if (!(error instanceof KeyClientError)) throw error;
      const { code } = error;
      return items.map(({ text }) => (isThrownAway(text) ? { state: 'erased' } : { state: 'unavailable', code }));
    }
  }

  /** While the key service is away one message at a time finds out whether it still is: the others must not fill the intake, waiting. */
  private async keysOf(tenant: string, subjects: readonly string[]): Promise<SubjectKeys> {
    const held = this.subjects.atHand(tenant, subjects);
    if (held !== undefined) return held;
    const isProbe = this.isAway;
    if (isProbe && this.isProbing) throw new KeyClientError('KEYS_UNAVAILABLE', 'the key service did not answer just now');
    if (isProbe) this.isProbing = true;
    try {
      const keys = await this.subjects.ensure(tenant, subjects);
      this.isAway = false;
      return keys;
    } catch (error) {
      this.isAway = isKeysAway(error);
      throw error;
    } finally {
      if (isProbe) this.isProbing = false;
    }
  }
}

function sealWhileKeysLast(keys: SubjectKeys, parts: readonly ClearPart[], stored: StoredPart[]): void {
  try {
    for (const { subject, eventId, json } of parts) {
      const fault = keys.faults.get(subject);
      const clear = Buffer.from(json, 'utf8');
      if (fault !== undefined && ERASED.has(fault)) {
        stored.push(sealForNobody(keys.tenant, eventId, clear));
        continue;
      }
      const bytes = keys.sealBytes(subject, placeOf(eventId), clear);
      stored.push({ bytes, digest: keys.digest(subject, placeOf(eventId), clear), isErased: false });
    }
  } catch (error) {
    if (!(error instanceof KeyClientError && error.code === 'LEASE_SPENT')) throw error;
  }
}

/** An event about an erased subject is recorded like any other; what it says of him nobody will read. */
function sealForNobody(tenant: string, eventId: string, clear: Buffer): StoredPart {
  const secret = randomBytes(KEY_BYTES);
  const key = fieldKey({ keyId: ERASED_KEY_ID, bytes: secret, usesMax: 1 });
  const context = { tenant, ...placeOf(eventId) };
  const bytes = sealFieldBytes(key, context, clear);
  secret.fill(0);
  return { bytes, digest: fieldDigest(key, context, clear), isErased: true };
}

function isThrownAway(text: string): boolean {
  try {
    return parseField(text).keyId === ERASED_KEY_ID;
  } catch (error) {
    if (error instanceof EnvelopeFault) return false;
    throw error;
  }
}
