import { open, type FileHandle } from 'node:fs/promises';
import { CredentialFault } from './fault.js';
import { leakDigest, type LeakCheck } from './leak-check.js';

const LINE = /^([0-9A-F]{40})(?::\d{1,12})?\r?$/;
const DIGEST_CHARS = 40;
const LINE_BYTES_MAX = 64;
/** What is left of the file when it is read at once instead of halved again. */
const BLOCK_BYTES = 16 * 1024;

/**
 * The offline corpus: one file, a line for each leaked password, `<SHA-1 in upper-case hex>` or `<SHA-1>:<count>`, sorted by SHA-1, as the
 * downloader of Have I Been Pwned writes it. Of 40 GB some 22 reads find one password.
 */
export class LeakCorpus {
  private constructor(
    private readonly file: FileHandle,
    private readonly size: number,
  ) {}

  /** @throws CredentialFault CORPUS_MALFORMED when its beginning, middle or end is no such line, or out of order; errors of the file system */
  static async open(path: string): Promise<LeakCorpus> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const corpus = new LeakCorpus(file, size);
      await corpus.#probe();
      return corpus;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** `leaked` or `clean`. @throws CredentialFault CORPUS_MALFORMED; PASSWORD_NOT_TEXT, PASSWORD_TOO_LONG */
  readonly check: LeakCheck = async (password) => ((await this.has(leakDigest(password))) ? 'leaked' : 'clean');

  /** Is this SHA-1, in upper-case hex, in the file? */
  async has(digest: string): Promise<boolean> {
    // What is sought begins in [low, high); low is the beginning of a line.
    let [low, high] = [0, this.size];
    while (high - low > BLOCK_BYTES) {
      const middle = low + Math.floor((high - low) / 2);
      const line = await this.#lineAfter(middle);
      if (line === undefined || line.start >= high) break;
      if (line.digest === digest) return true;
      if (line.digest < digest) low = line.start;
      else high = line.start;
    }
    const block = await this.#read(low, high - low);
    return block.split('\n').some((line, at, all) => (at === all.length - 1 && line === '' ? false : digestOf(line) === digest));
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async #probe(): Promise<void> {
    const first = digestOf((await this.#read(0, LINE_BYTES_MAX)).split('\n')[0] ?? '');
    const middle = await this.#lineAfter(Math.floor(this.size / 2));
    const tail = (await this.#read(Math.max(0, this.size - 2 * LINE_BYTES_MAX), 2 * LINE_BYTES_MAX)).replace(/\r?\n$/, '').split('\n');
    const last = digestOf(tail.at(-1) ?? '');
    if (first > last || (middle !== undefined && (middle.digest < first || middle.digest > last))) {
      throw new CredentialFault('CORPUS_MALFORMED', 'the lines of the leaked passwords are not sorted by SHA-1');
    }
  }

  /** The first line that begins after an offset; undefined when none does. */
  async #lineAfter(offset: number): Promise<{ readonly start: number; readonly digest: string } | undefined> {
    const text = await this.#read(offset, 2 * LINE_BYTES_MAX);
    const end = text.indexOf('\n');
    if (end < 0 && text.length > LINE_BYTES_MAX) throw malformed();
    const line = end < 0 ? '' : (text.slice(end + 1).split('\n')[0] ?? '');
    return line === '' ? undefined : { start: offset + end + 1, digest: digestOf(line) };
  }

  async #read(offset: number, length: number): Promise<string> {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.file.read(buffer, filled, buffer.length - filled, offset + filled);
      // The file was cut since it was opened.
      if (bytesRead === 0) throw malformed();
      filled += bytesRead;
    }
    return buffer.toString('latin1');
  }
}

const malformed = (): CredentialFault => new CredentialFault('CORPUS_MALFORMED', 'a line of the leaked passwords is not <SHA-1>:<count>');

function digestOf(line: string): string {
  if (!LINE.test(line)) throw malformed();
  return line.slice(0, DIGEST_CHARS);
}
