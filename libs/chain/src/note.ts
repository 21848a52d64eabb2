import { decodeBase64, encodeBase64 } from './base64.js';
import { ChainFault } from './fault.js';
import { isKeyName } from './vkey.js';

/** Signed notes: text, a blank line, signature lines (C2SP signed-note, "Format"). */

export const NOTE_BYTES_MAX = 1024 * 1024;
/** The specification asks for at least 16; golang.org/x/mod/sumdb/note stops at the same 100. */
export const NOTE_SIGNATURES_MAX = 100;
const KEY_ID_BYTES = 4;

export interface NoteSignature {
  readonly name: string;
  /** Unsigned 32-bit number. Name and key id together identify key and algorithm. */
  readonly keyId: number;
  /** What the algorithm made, without the key id; at least one byte. */
  readonly signature: Buffer;
}

export interface Note {
  /** What is signed: ends in a newline, without the blank line. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const LINE_START = '\u2014 ';
// Of the ASCII control characters, a note holds the newline only.
const CONTROL = /[^\n\u{20}-\u{10ffff}]/u;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a signed note. It says nothing yet about the signatures: nothing of the text may be used before one of them is
 * verified. Throws NOTE_MALFORMED, also above 1 MiB or 100 signatures.
 */
export function parseNote(input: string | Uint8Array): Note {
  const note = wellFormedText(input);
  // The text may hold empty lines, so the last one separates.
  const separator = note.lastIndexOf('\n\n');
  if (separator < 0) throw malformed('no blank line before the signatures');
  const block = note.slice(separator + 2);
  if (block === '') throw malformed('no signature line');
  if (!block.endsWith('\n')) throw malformed('the last line does not end in a newline');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) throw malformed(`over ${NOTE_SIGNATURES_MAX} signatures`);
  return { text: note.slice(0, separator + 1), signatures: lines.map(parseSignatureLine) };
}

function wellFormedText(input: string | Uint8Array): string {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.length;
  if (bytes > NOTE_BYTES_MAX) throw malformed(`over ${NOTE_BYTES_MAX} bytes`);
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  if (!text.isWellFormed()) throw malformed('not UTF-8');
  if (CONTROL.test(text)) throw malformed('a control character other than newline');
  return text;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('not UTF-8');
  }
}

function parseSignatureLine(line: string): NoteSignature {
  if (!line.startsWith(LINE_START)) throw malformed('a signature line does not start with an em dash and a space');
  const fields = line.slice(LINE_START.length).split(' ');
  const [name, base64] = fields;
  if (fields.length !== 2 || !isKeyName(name!)) throw malformed('a signature line is not a key name and a signature');
  const blob = decodeBase64(base64!);
  if (blob === undefined) throw malformed('a signature is not canonical base64');
  if (blob.length <= KEY_ID_BYTES) throw malformed('a signature is empty');
  return { name: name!, keyId: blob.readUInt32BE(0), signature: blob.subarray(KEY_ID_BYTES) };
}

/**
 * The signed note of a text that ends in a newline and its signatures, in order. Throws NOTE_MALFORMED for what
 * {@link parseNote} would not read back as the same.
 */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  if (!text.endsWith('\n')) throw malformed('the text does not end in a newline');
  const note = `${text}\n${signatures.map((signature) => `${formatSignatureLine(signature)}\n`).join('')}`;
  if (parseNote(note).text !== text) throw malformed('no signature line');
  return note;
}

/** One signature line, without its newline. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = Buffer.alloc(KEY_ID_BYTES);
  id.writeUInt32BE(keyId, 0);
  return `${LINE_START}${name} ${encodeBase64(Buffer.concat([id, signature]))}`;
}

function malformed(what: string): ChainFault {
  return new ChainFault('NOTE_MALFORMED', `signed note: ${what}`, { field: 'note' });
}
