import type { StoredEntry } from './stored-entry.js';
import { encodeBase64 } from './base64.js';
import { ORIGIN_BYTES_MAX } from './checkpoint-body.js';
import { TENANT_PATTERN } from './event.js';
import { jcsString } from './jcs.js';

/** Lines of an export file (docs/spec/export-format.md). Each is the canonical JSON (RFC 8785) of one object. */

export const EXPORT_FORMAT = 'countersign-export/1';
/** An entry of 65,535 bytes with encrypted parts of a 64 KiB event, in base64, stays below half of it. */
export const EXPORT_LINE_BYTES_MAX = 512 * 1024;

export const ENTRY_LINE_START = Buffer.from('{"entry":');
export const PARTS_START = Buffer.from(',"parts":[');
export const CHECKPOINT_LINE_START = Buffer.from('{"checkpoint":');

export interface ExportHeader {
  readonly origin: string;
  readonly tenant: string;
  /** Size of the tree of the checkpoint, and number of entry lines. */
  readonly treeSize: number;
}

export type ExportedEntry = Pick<StoredEntry, 'entry' | 'data' | 'personal'>;

/** First line, without its newline. Throws RangeError for values that no ledger has. */
export function headerLine(header: ExportHeader): string {
  const fault = headerFault(header);
  if (fault !== undefined) throw new RangeError(`the export's ${fault} is not valid`);
  const { origin, tenant, treeSize } = header;
  return `{"format":"${EXPORT_FORMAT}","origin":${jcsString(origin, 'origin')},"tenant":"${tenant}","treeSize":${treeSize}}`;
}

/** Name of the first field that is not valid, if any. */
export function headerFault({ origin, tenant, treeSize }: ExportHeader): keyof ExportHeader | undefined {
  if (typeof origin !== 'string' || origin === '' || !origin.isWellFormed() || Buffer.byteLength(origin) > ORIGIN_BYTES_MAX) return 'origin';
  if (typeof tenant !== 'string' || !TENANT_PATTERN.test(tenant)) return 'tenant';
  if (!Number.isSafeInteger(treeSize) || treeSize < 0 || Object.is(treeSize, -0)) return 'treeSize';
  return undefined;
}

/** The line of one entry, without its newline. The entry's bytes go in verbatim. */
export function entryLine(exported: ExportedEntry): string {
  const parts = partsInOrder(exported).map((part) => (part === null ? 'null' : `"${encodeBase64(part)}"`));
  return `{"entry":${exported.entry.toString('utf8')},"parts":[${parts.join(',')}]}`;
}

/** The line of the signed note, without its newline. */
export function checkpointLine(note: string): string {
  return `{"checkpoint":${jcsString(note, 'checkpoint')}}`;
}

/** The last line, without its newline. */
export function digestLine(sha256Hex: string): string {
  return `{"sha256":"${sha256Hex}"}`;
}

const NAME_DATA = Buffer.from('"name":"data"');
const NAME_PERSONAL = Buffer.from('"name":"personal"');

// Inside a JSON string the quotes would be escaped, so these bytes are names of parts and nothing else.
function countOf(name: Buffer, entry: Buffer, end: number): number {
  let count = 0;
  for (let at = entry.indexOf(name); at >= 0 && at < end; at = entry.indexOf(name, at + name.length)) count += 1;
  return count;
}

/** Stored parts in the order in which the entry lists them; null for what the entry lists and is not stored. */
function partsInOrder({ entry, data, personal }: ExportedEntry): (Uint8Array | null)[] {
  const listed = countOf(NAME_PERSONAL, entry, entry.length);
  const parts: (Uint8Array | null)[] = [];
  for (let i = 0; i < Math.max(listed, personal.length); i++) parts.push(personal[i] ?? null);
  const at = dataPosition(entry);
  if (at >= 0 || data !== null) parts.splice(Math.max(at, 0), 0, data);
  return parts;
}

/** Splits parts, in the entry's order, into the `data` part and the `personal` parts. */
export function partsByName(entry: Buffer, parts: readonly (Buffer | null)[]): Pick<ExportedEntry, 'data' | 'personal'> {
  const at = dataPosition(entry);
  if (at < 0) return { data: null, personal: parts };
  return { data: parts[at] ?? null, personal: at === 0 ? parts.slice(1) : parts.filter((_, i) => i !== at) };
}

/** How many parts the entry lists before `data`; -1 when it lists none of that name. The ledger lists `data` first. */
function dataPosition(entry: Buffer): number {
  const at = entry.indexOf(NAME_DATA);
  return at < 0 ? -1 : countOf(NAME_PERSONAL, entry, at);
}
