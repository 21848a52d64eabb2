import { createHash } from 'node:crypto';
import { checkpointLine, digestLine, entryLine, headerLine, EXPORT_LINE_BYTES_MAX } from './export-format.js';
import type { ExportedEntry, ExportHeader } from './export-format.js';

/**
 * Writes an export file (docs/spec/export-format.md) piece by piece: `start`, `entries` until all `treeSize` are in,
 * `end`. Each returns text for the caller to write; nothing is kept but a running digest. It does not verify: entries
 * go out as they are stored, so that a verifier sees what the ledger holds.
 */
export class ExportEncoder {
  private readonly digest = createHash('sha256');
  private readonly header: ExportHeader;
  private written = -1;

  constructor(header: ExportHeader) {
    this.header = header;
  }

  /** The first line. Throws RangeError for a header that no ledger has. */
  start(): string {
    if (this.written !== -1) throw new RangeError('an export starts once');
    this.written = 0;
    return this.hashed(`${headerLine(this.header)}\n`);
  }

  /** Lines of the next entries, in the order of their leaves. Throws RangeError beyond the tree's size. */
  entries(entries: readonly ExportedEntry[]): string {
    if (this.written < 0) throw new RangeError('an export starts with its header');
    this.written += entries.length;
    if (this.written > this.header.treeSize) throw new RangeError(`more than ${this.header.treeSize} entries`);
    let text = '';
    for (const entry of entries) {
      const line = entryLine(entry);
      if (line.length * 3 > EXPORT_LINE_BYTES_MAX && Buffer.byteLength(line) > EXPORT_LINE_BYTES_MAX) {
        throw new RangeError(`a line of an export is at most ${EXPORT_LINE_BYTES_MAX} bytes`);
      }
      text += `${line}\n`;
    }
    return this.hashed(text);
  }

  /** The last two lines. `note` is the signed checkpoint of exactly this tree. Throws RangeError while entries lack. */
  end(note: string): string {
    if (this.written !== this.header.treeSize) {
      throw new RangeError(`${this.written} of ${this.header.treeSize} entries were written`);
    }
    const text = this.hashed(`${checkpointLine(note)}\n`);
    return `${text}${digestLine(this.digest.digest('hex'))}\n`;
  }

  private hashed(text: string): string {
    this.digest.update(text);
    return text;
  }
}
