import { createHash } from 'node:crypto';
import { decodeBase64 } from './base64.js';
import type { JsonValue } from './event.js';
import {
  CHECKPOINT_LINE_START, ENTRY_LINE_START, EXPORT_FORMAT, EXPORT_LINE_BYTES_MAX, PARTS_START,
  checkpointLine, headerFault, headerLine, partsByName,
} from './export-format.js';
import type { ExportedEntry, ExportHeader } from './export-format.js';
import { ChainFault } from './fault.js';
import { jcs } from './jcs.js';

export type ExportRecord =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  /** `entry` is a view on a block of lines. */
  | ({ readonly kind: 'entry' } & ExportedEntry)
  | { readonly kind: 'checkpoint'; readonly note: string }
  | { readonly kind: 'digest'; readonly sha256: string };

type Expected = ExportRecord['kind'] | 'nothing';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const NULL = 'null';
const PARTS_END = ']}';
/** Longer chunks are read in pieces, so that no chunk makes a long string. */
const PIECE_BYTES_MAX = 256 * 1024;
const DIGEST_LINE = /^\{"sha256":"([0-9a-f]{64})"\}$/;
// What may make JSON of the right shape other than canonical: escapes, and raw control characters.
const NOT_PLAIN = /[\\\u0000-\u0009\u000b-\u001f]/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads an export file (docs/spec/export-format.md) chunk by chunk, strictly: one text, one file. Memory is bounded by
 * a chunk and one line. Throws ChainFault: EXPORT_MALFORMED, EXPORT_TRUNCATED, and EXPORT_DIGEST_MISMATCH at the last
 * line. What an entry says, the shape of its fields included, is for the ChainVerifier to judge.
 */
export class ExportDecoder {
  private readonly digest = createHash('sha256');
  private readonly carry: Uint8Array[] = [];
  private carryBytes = 0;
  private expected: Expected = 'header';
  private lines = 0;
  private entries = 0;

  /** Records completed by this chunk, lazily: what precedes a fault is handed out before the fault is thrown. */
  *push(chunk: Uint8Array): Generator<ExportRecord, void, undefined> {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES_MAX) yield* this.piece(chunk.subarray(at, at + PIECE_BYTES_MAX));
  }

  private *piece(piece: Uint8Array): Generator<ExportRecord, void, undefined> {
    const linesEnd = piece.lastIndexOf(NEWLINE) + 1;
    if (linesEnd > 0) {
      const block = Buffer.concat([...this.carry.splice(0), piece.subarray(0, linesEnd)]);
      this.carryBytes = 0;
      yield* this.block(block);
    }
    if (linesEnd === piece.length) return;
    if (this.expected === 'nothing') throw this.malformed('something follows the last line');
    // A copy: the caller may use its chunk again.
    this.carry.push(piece.slice(linesEnd));
    this.carryBytes += piece.length - linesEnd;
    if (this.carryBytes > EXPORT_LINE_BYTES_MAX) throw this.malformed(`a line of over ${EXPORT_LINE_BYTES_MAX} bytes`);
  }

  /** Ends the file. Throws EXPORT_TRUNCATED when it stops early. */
  finish(): void {
    if (this.expected === 'nothing' && this.carryBytes === 0) return;
    const where = this.expected === 'header' ? 'before its first line ends' : `after line ${this.lines}`;
    throw new ChainFault('EXPORT_TRUNCATED', `the export stops ${where}`, this.detail());
  }

  private *block(block: Buffer): Generator<ExportRecord, void, undefined> {
    const isPlain = isPlainText(block);
    let hashedTo = 0;
    for (let at = 0; at < block.length; ) {
      const end = block.indexOf(NEWLINE, at);
      const line = block.subarray(at, end);
      if (line.length > EXPORT_LINE_BYTES_MAX) throw this.malformed(`a line of over ${EXPORT_LINE_BYTES_MAX} bytes`);
      if (this.expected === 'digest') {
        this.digest.update(block.subarray(hashedTo, at));
        hashedTo = at;
      }
      const isEntry = this.expected === 'entry' && startsWith(line, ENTRY_LINE_START);
      const record = isEntry ? this.entry(line, isPlain) : this.frame(line);
      this.lines += 1;
      if (isEntry) this.entries += 1;
      yield record;
      at = end + 1;
    }
    if (this.expected !== 'nothing') this.digest.update(block.subarray(hashedTo));
  }

  private frame(line: Buffer): ExportRecord {
    const text = this.text(line);
    switch (this.expected) {
      case 'header': {
        const header = this.header(text);
        this.expected = 'entry';
        return { kind: 'header', header };
      }
      case 'entry': {
        const note = this.checkpoint(line, text);
        this.expected = 'digest';
        return { kind: 'checkpoint', note };
      }
      case 'digest': {
        const sha256 = DIGEST_LINE.exec(text)?.[1];
        if (sha256 === undefined) throw this.malformed('the last line is not a digest');
        this.expected = 'nothing';
        if (this.digest.digest('hex') !== sha256) {
          throw new ChainFault('EXPORT_DIGEST_MISMATCH', 'the file has not the digest that its last line states');
        }
        return { kind: 'digest', sha256 };
      }
      default:
        throw this.malformed('something follows the last line');
    }
  }

  private header(text: string): ExportHeader {
    const value = this.object(text);
    if (value['format'] !== EXPORT_FORMAT) throw this.malformed(`format must be ${EXPORT_FORMAT}`, 'format');
    const header = value as unknown as ExportHeader;
    const field = headerFault(header);
    if (field !== undefined) throw this.malformed(`${field} is not valid`, field);
    if (headerLine(header) !== text) throw this.malformed('not the canonical JSON of a header');
    return { origin: header.origin, tenant: header.tenant, treeSize: header.treeSize };
  }

  private checkpoint(line: Buffer, text: string): string {
    if (!startsWith(line, CHECKPOINT_LINE_START)) throw this.malformed('neither an entry nor a checkpoint');
    const note = this.object(text)['checkpoint'];
    if (typeof note !== 'string' || !note.isWellFormed() || checkpointLine(note) !== text) {
      throw this.malformed('not the canonical JSON of a checkpoint');
    }
    return note;
  }

  /** `{"entry":…,"parts":[…]}`. Base64 holds no quote, so the last `,"parts":[` is the frame's own. */
  private entry(line: Buffer, isPlain: boolean): ExportRecord {
    if (!isPlain && !isPlainText(line)) this.requireCanonical(line);
    const entryEnd = line.lastIndexOf(PARTS_START);
    if (entryEnd < ENTRY_LINE_START.length) throw this.malformed('no list of parts');
    const entry = line.subarray(ENTRY_LINE_START.length, entryEnd);
    const parts = this.parts(line, entryEnd + PARTS_START.length);
    return { kind: 'entry', entry, ...partsByName(entry, parts) };
  }

  private parts(line: Buffer, start: number): (Buffer | null)[] {
    const parts: (Buffer | null)[] = [];
    const end = line.length - PARTS_END.length;
    if (end < start || line.toString('latin1', end) !== PARTS_END) throw this.malformed('the line does not end after its parts');
    for (let at = start; at < end; at++) {
      if (at > start && line[at - 1] !== COMMA) throw this.malformed('parts are not separated by a comma');
      const isNull = line[at] !== QUOTE;
      const close = isNull ? at + NULL.length - 1 : line.indexOf(QUOTE, at + 1);
      const part = isNull ? this.nullPart(line, at) : this.part(line, at + 1, close);
      parts.push(part);
      at = close + 1;
      if (at === end - 1) throw this.malformed('a comma follows the last part');
    }
    return parts;
  }

  private nullPart(line: Buffer, at: number): null {
    if (line.toString('latin1', at, at + NULL.length) === NULL) return null;
    throw this.malformed('a part is neither base64 nor null');
  }

  private part(line: Buffer, start: number, end: number): Buffer {
    const part = end < start ? undefined : decodeBase64(line.toString('latin1', start, end));
    if (part === undefined) throw this.malformed('a part is not canonical base64');
    return part;
  }

  private requireCanonical(line: Buffer): void {
    if (!isCanonicalJson(this.text(line))) throw this.malformed('not canonical JSON');
  }

  private text(line: Buffer): string {
    try {
      return utf8.decode(line);
    } catch {
      throw this.malformed('not UTF-8');
    }
  }

  private object(text: string): Readonly<Record<string, unknown>> {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      throw this.malformed('not JSON');
    }
    throw this.malformed('not a JSON object');
  }

  private malformed(what: string, field?: string): ChainFault {
    const detail = field === undefined ? this.detail() : { ...this.detail(), field };
    return new ChainFault('EXPORT_MALFORMED', `line ${this.lines + 1} of the export: ${what}`, detail);
  }

  private detail(): { leafIndex?: number } {
    return this.expected === 'entry' ? { leafIndex: this.entries } : {};
  }
}

/** Whether `text` is JSON in the one form that RFC 8785 allows. */
export function isCanonicalJson(text: string): boolean {
  try {
    return jcs(JSON.parse(text) as JsonValue, 'line') === text;
  } catch {
    return false;
  }
}

/** UTF-8 without escapes and control characters: then JSON of a known shape has no second form. */
function isPlainText(bytes: Buffer): boolean {
  try {
    return !NOT_PLAIN.test(utf8.decode(bytes));
  } catch {
    return false;
  }
}

function startsWith(line: Buffer, start: Buffer): boolean {
  return line.length >= start.length && line.compare(start, 0, start.length, 0, start.length) === 0;
}
