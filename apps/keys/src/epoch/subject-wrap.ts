import { unwrapKey, wrapKey, type FieldKey } from '@countersign/envelope';

/** A subject's key lies under two: the tenant key inside, the epoch key outside. */

const INNER_PURPOSE = 'personal';
const OUTER_PURPOSE = 'keys.epoch';

interface Named {
  readonly tenant: string;
  readonly keyId: string;
}

export function wrapInner(tenantKey: FieldKey, { tenant, keyId }: Named, bytes: Uint8Array): string {
  return wrapKey(tenantKey, { tenant, purpose: INNER_PURPOSE, keyId }, bytes);
}

/** The key's bytes, which the caller zeroes. Throws EnvelopeFault FIELD_NOT_AUTHENTIC for a row that was moved or changed. */
export function unwrapInner(tenantKey: FieldKey, { tenant, keyId }: Named, inner: string): Buffer {
  return unwrapKey(tenantKey, { tenant, purpose: INNER_PURPOSE, keyId }, inner);
}

export function wrapOuter(epochKey: FieldKey, { tenant, keyId }: Named, inner: string): string {
  return wrapKey(epochKey, { tenant, purpose: OUTER_PURPOSE, keyId }, Buffer.from(inner));
}

export function unwrapOuter(epochKey: FieldKey, { tenant, keyId }: Named, outer: string): string {
  return unwrapKey(epochKey, { tenant, purpose: OUTER_PURPOSE, keyId }, outer).toString();
}
