import { randomBytes } from 'node:crypto';
import type { FieldPlace, Keys } from '@countersign/key-client';
import { rateOf, type Rate } from '../measure/rate.js';
import { SUBJECTS_BATCH, TENANT } from './requests.js';

const PURPOSE = 'identity.mfa';
const VALUE_BYTES = 256;
/** Values of one batch, after which the event loop turns. */
const BATCH = 500;

const VALUES = Array.from({ length: BATCH }, () => randomBytes(VALUE_BYTES));
const placeOf = (k: number): FieldPlace => ({ table: 'factors', column: 'secret', row: `usr_${100_000 + k}` });

/** As a service seals: a wait for each value, which the cached lease answers at once. What was sealed last is opened again. */
export async function sealFields({ fields }: Keys, seconds: number): Promise<Rate> {
  let text = '';
  const rate = await rateOf(seconds, async () => {
    for (const [k, value] of VALUES.entries()) text = await fields.seal(TENANT, PURPOSE, placeOf(k), value);
    return BATCH;
  });
  requireSame(await fields.open(TENANT, PURPOSE, placeOf(BATCH - 1), text), BATCH - 1);
  return rate;
}

export async function openFields({ fields }: Keys, seconds: number): Promise<Rate> {
  const texts: string[] = [];
  for (const [k, value] of VALUES.entries()) texts.push(await fields.seal(TENANT, PURPOSE, placeOf(k), value));
  let bytes: Buffer = Buffer.alloc(0);
  return rateOf(seconds, async () => {
    for (const [k, text] of texts.entries()) bytes = await fields.open(TENANT, PURPOSE, placeOf(k), text);
    requireSame(bytes, BATCH - 1);
    return BATCH;
  });
}

/** As the ledger seals: the keys of a batch, then a value for each of its subjects. */
export async function sealForSubjects({ subjects: cipher }: Keys, subjects: readonly string[], seconds: number): Promise<Rate> {
  let at = 0;
  let text = '';
  const rate = await rateOf(seconds, async () => {
    at = (at + SUBJECTS_BATCH) % subjects.length;
    const batch = subjects.slice(at, at + SUBJECTS_BATCH);
    const keys = await cipher.ensure(TENANT, batch);
    for (const [k, subject] of batch.entries()) text = keys.seal(subject, placeOf(k), VALUES[k]!);
    return batch.length;
  });
  const [opened] = await cipher.openAll([{ tenant: TENANT, context: placeOf(SUBJECTS_BATCH - 1), text }]);
  requireSame(opened !== undefined && 'bytes' in opened ? opened.bytes : Buffer.alloc(0), SUBJECTS_BATCH - 1);
  return rate;
}

function requireSame(bytes: Buffer, k: number): void {
  if (!bytes.equals(VALUES[k]!)) throw new Error('what was opened is not what was sealed');
}
