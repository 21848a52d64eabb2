import { readFileSync, statSync } from 'node:fs';
import { isNoteSignatureValid, parseNote } from '@countersign/chain';
import type { Note } from '@countersign/chain';
import { keyIdSchema, tenantSchema } from '@countersign/contracts';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { NamedKey } from '../keys.js';

const RECEIPT_BYTES_MAX = 16 * 1024;
const TITLE = 'countersign destruction receipt v1';

/** What a destruction receipt says (docs/spec/keys-api.md, "Destruction receipt"). */
export interface DestructionReceipt {
  /** Name of the key that signed it. */
  readonly signer: string;
  readonly tenant: string;
  readonly subject: string;
  /** Absent when the subject had no key. */
  readonly keyId?: string;
  readonly orderedAt: string;
}

/** Reads a receipt's file. Throws CliError for what is too large to be one. */
export function readReceipt(file: string): string {
  if (statSync(file).size > RECEIPT_BYTES_MAX) throw usageError(`${file} is over ${RECEIPT_BYTES_MAX} bytes: no destruction receipt`);
  return readFileSync(file, 'utf8');
}

/**
 * What the receipt says, once every given key has signed it.
 * Throws ChainFault NOTE_MALFORMED; CliError RECEIPT_SIGNATURE_MISSING, RECEIPT_SIGNATURE_INVALID, RECEIPT_SIGNER_MISMATCH, RECEIPT_MALFORMED.
 */
export function verifyReceipt(text: string, keys: readonly NamedKey[]): DestructionReceipt {
  const note = parseNote(text);
  for (const key of keys) requireSignature(note, key);
  const receipt = parseReceipt(note.text);
  const other = keys.find(({ vkey }) => vkey.name !== receipt.signer);
  if (other !== undefined) throw fault('RECEIPT_SIGNER_MISMATCH', `the receipt says that it is by ${receipt.signer}, the key is that of ${other.vkey.name}`);
  return receipt;
}

function requireSignature({ text, signatures }: Note, { vkey }: NamedKey): void {
  const found = signatures.filter(({ name, keyId }) => name === vkey.name && keyId === vkey.keyId);
  if (found.length === 0) throw fault('RECEIPT_SIGNATURE_MISSING', `${vkey.name} has not signed it with this key`);
  if (!found.every(({ signature }) => isNoteSignatureValid(vkey, text, signature))) throw fault('RECEIPT_SIGNATURE_INVALID', `the signature of ${vkey.name} does not fit what the receipt says`);
}

function parseReceipt(text: string): DestructionReceipt {
  const [signer, title, tenant, subjectJson, keyId, orderedAt, end, ...more] = text.split('\n');
  const subject = subjectOf(subjectJson ?? '');
  const isWhole = title === TITLE && end === '' && more.length === 0;
  const isMeant = tenantSchema.safeParse(tenant).success && subject !== undefined && (keyId === '-' || keyIdSchema.safeParse(keyId).success) && isTime(orderedAt ?? '');
  if (!isWhole || !isMeant) throw fault('RECEIPT_MALFORMED', 'it is signed, and no destruction receipt of version 1');
  return { signer: signer!, tenant: tenant!, subject, ...(keyId === '-' ? {} : { keyId: keyId! }), orderedAt: orderedAt! };
}

/** One subject has one text only: another one would make two receipts of it. */
function subjectOf(json: string): string | undefined {
  try {
    const subject: unknown = JSON.parse(json);
    return typeof subject === 'string' && JSON.stringify(subject) === json ? subject : undefined;
  } catch {
    return undefined;
  }
}

function isTime(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}

function fault(code: string, message: string): CliError {
  return new CliError(EXIT.fault, code, `FAILED: ${code}: ${message}`);
}
