import { isNoteSignatureValid, jcs, parseNote, type JsonObject, type Vkey } from '@countersign/chain';
import { CertificateFault } from './fault.js';

/**
 * Certificates of what was destroyed, and of archives of what is held: signed notes (C2SP signed-note) of three lines, the signer's name, the title, and what is certified as
 * canonical JSON (RFC 8785) in one line (docs/spec/retention-certificates.md).
 */

export const CERTIFICATE_KINDS = ['deletion', 'erasure', 'archive'] as const;
export type CertificateKind = (typeof CERTIFICATE_KINDS)[number];

export interface Certificate {
  readonly kind: CertificateKind;
  /** Name of the key that signed it. */
  readonly signer: string;
  readonly statement: JsonObject;
}

const titleOf = (kind: CertificateKind): string => `countersign ${kind} certificate v1`;

/** One line: the same statement has one text only, so that its digest names it. Throws ChainFault for what is no JSON. */
export function statementText(statement: JsonObject): string {
  return jcs(statement, 'statement');
}

/** What is signed. Ends in a newline. */
export function certificateText(signer: string, kind: CertificateKind, statement: string): string {
  return `${signer}\n${titleOf(kind)}\n${statement}\n`;
}

/**
 * What the certificate says, once every given key has signed it.
 * Throws ChainFault NOTE_MALFORMED; CertificateFault CERTIFICATE_SIGNATURE_MISSING, CERTIFICATE_SIGNATURE_INVALID, CERTIFICATE_SIGNER_MISMATCH,
 * CERTIFICATE_MALFORMED.
 */
export function verifyCertificate(note: string, keys: readonly Vkey[]): Certificate {
  const { text, signatures } = parseNote(note);
  if (keys.length === 0) throw new CertificateFault('CERTIFICATE_SIGNATURE_MISSING', 'there is no key to check it with');
  for (const key of keys) {
    const found = signatures.filter(({ name, keyId }) => name === key.name && keyId === key.keyId);
    if (found.length === 0) throw new CertificateFault('CERTIFICATE_SIGNATURE_MISSING', `${key.name} has not signed it with this key`);
    if (!found.every(({ signature }) => isNoteSignatureValid(key, text, signature))) throw new CertificateFault('CERTIFICATE_SIGNATURE_INVALID', `the signature of ${key.name} does not fit what it says`);
  }
  const certificate = parseText(text);
  if (keys.some(({ name }) => name !== certificate.signer)) throw new CertificateFault('CERTIFICATE_SIGNER_MISMATCH', `it says that it is by ${certificate.signer}, and a key is another's`);
  return certificate;
}

function parseText(text: string): Certificate {
  const [signer = '', title, line = '', end, ...more] = text.split('\n');
  const kind = CERTIFICATE_KINDS.find((one) => titleOf(one) === title);
  const statement = statementOf(line);
  if (kind === undefined || statement === undefined || end !== '' || more.length > 0) throw new CertificateFault('CERTIFICATE_MALFORMED', 'it is signed, and no certificate of version 1');
  return { kind, signer, statement };
}

/** Undefined for what is no object, or another text of one: two texts would make two certificates of one statement. */
function statementOf(line: string): JsonObject | undefined {
  try {
    const value = JSON.parse(line) as JsonObject;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && statementText(value) === line ? value : undefined;
  } catch {
    return undefined;
  }
}
