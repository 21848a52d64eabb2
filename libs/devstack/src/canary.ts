import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Looking for planted texts and keys in what programs leave behind. */

const bytesOf = (canary: string | Uint8Array): Buffer => (typeof canary === 'string' ? Buffer.from(canary) : Buffer.from(canary));

/** What asks a database; a `pg` pool or client is one. */
export interface Queryable {
  query(sql: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** All ways in which a canary may stand in a text: as it is, in hex, in base64 and base64url at each of the three alignments. */
export function spellings(canary: string | Uint8Array): string[] {
  const bytes = bytesOf(canary);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes, Buffer.alloc(2)]).toString('base64');
    // Characters that hold bits of what stands before and behind are not the canary's.
    return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
  const base64url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const hex = bytes.toString('hex');
  return [...new Set([...(typeof canary === 'string' ? [canary] : []), hex, hex.toUpperCase(), ...base64, ...base64url])];
}

/** Tables of a database, PostgreSQL's own included, in any of whose columns a row holds one of the texts. */
export async function tablesWith(database: Queryable, texts: readonly string[]): Promise<string[]> {
  const { rows } = await database.query("SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname <> 'information_schema' ORDER BY 1");
  const found: string[] = [];
  for (const { name } of rows as readonly { readonly name: string }[]) {
    // A row as text: every column, bytea in hex. OFFSET keeps the planner from making that text once for each of those looked for.
    const answer = await database.query(`SELECT 1 FROM (SELECT t::text AS row FROM ${name} AS t OFFSET 0) AS r WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS x WHERE strpos(r.row, x) > 0) LIMIT 1`, [texts]);
    if (answer.rows.length > 0) found.push(name);
  }
  return found;
}

/** What is looked for, by the name under which it is told: a text, or raw bytes such as a key's. */
export type Canaries = Readonly<Record<string, string | Uint8Array>>;

interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

function stands(needle: Buffer, bytes: Buffer, at: number): boolean {
  if (bytes.length - at < needle.length) return false;
  for (let i = 2; i < needle.length; i += 1) if (needle[i] !== bytes[at + i]) return false;
  return true;
}

/** Finds canaries in bytes, in all their {@link spellings}, raw, and as V8 keeps texts in memory (UTF-16). */
export class CanaryScan {
  /** By their first two bytes, so that one pass over a file is enough. */
  readonly #needles = new Map<number, Needle[]>();
  readonly #isFirst = new Uint8Array(0x10000);

  constructor(canaries: Canaries) {
    for (const [name, canary] of Object.entries(canaries)) {
      const texts = spellings(canary);
      this.#add(name, [...texts.map((text) => Buffer.from(text)), ...texts.map((text) => Buffer.from(text, 'utf16le')), bytesOf(canary)]);
    }
  }

  #add(name: string, spelled: readonly Buffer[]): void {
    for (const bytes of spelled) {
      const first = bytes.readUInt16BE(0);
      this.#isFirst[first] = 1;
      this.#needles.set(first, [...(this.#needles.get(first) ?? []), { name, bytes }]);
    }
  }

  /** Names of the canaries that the bytes hold. */
  find(bytes: Buffer): string[] {
    const found = new Set<string>();
    // Hundreds of megabytes pass here: a field read at each byte would cost more than all else.
    const isFirst = this.#isFirst;
    let pair = bytes[0] ?? 0;
    for (let next = 1; next < bytes.length; next += 1) {
      pair = ((pair << 8) | bytes[next]!) & 0xffff;
      if (isFirst[pair] === 0) continue;
      for (const { name, bytes: needle } of this.#needles.get(pair)!) if (!found.has(name) && stands(needle, bytes, next - 1)) found.add(name);
    }
    return [...found];
  }

  /** `<file>: <canary>` for each that a file below the folder holds, and how many bytes were looked at. */
  async findIn(folder: string, isSkipped: (file: string) => boolean = () => false): Promise<{ readonly found: string[]; readonly bytes: number }> {
    const found: string[] = [];
    let bytes = 0;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const file = relative(folder, join(entry.parentPath, entry.name));
      if (!entry.isFile() || isSkipped(file)) continue;
      const content = await readIfThere(join(folder, file));
      bytes += content.length;
      found.push(...this.find(content).map((name) => `${file}: ${name}`));
    }
    return { found, bytes };
  }
}

/** Servers delete files while they are being listed. */
async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
