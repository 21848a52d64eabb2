import { EnvelopeFault, fieldKey } from '../src/index.js';
import type { EnvelopeFaultCode, FieldContext, FieldKey } from '../src/index.js';

export const KEY_HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
export const CONTEXT: FieldContext = { tenant: 'acme', table: 'accounts', column: 'national_id', row: 'row-1' };

export const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** A key that counts from nothing, under the id `dk_a_1` unless told. */
export function keyOf({ keyId = 'dk_a_1', secret = KEY_HEX, usesMax }: { keyId?: string; secret?: string; usesMax?: number } = {}): FieldKey {
  return fieldKey({ keyId, bytes: bytes(secret), usesMax });
}

/** The code of the fault that `run` throws; undefined when it throws none. Other errors pass through. */
export function faultOf(run: () => unknown): EnvelopeFaultCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof EnvelopeFault) return error.code;
    throw error;
  }
}
