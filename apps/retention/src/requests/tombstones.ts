import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { tenantSchema } from '@countersign/contracts';

const FILE = 'erasures.jsonl';
/** `isVoid`: it came to nothing after all, and nothing was gone. `keep`: types of identity that a hold covers; `isKeyKept`: so is something under the key. The latest line of a request counts. */
const tombstoneSchema = z.strictObject({
  requestId: z.string(), tenant: tenantSchema, subject: z.string(), at: z.iso.datetime(),
  isVoid: z.literal(true).optional(), keep: z.array(z.string()).optional(), isKeyKept: z.literal(true).optional(),
});
/** Whom was to be erased, and by which request. */
export type Tombstone = z.output<typeof tombstoneSchema>;

/**
 * Erasures that were begun, in a file outside every database: a snapshot that is put back has forgotten them, and this has not. A line is
 * written before anything is erased, and never taken out. It names opaque ids only.
 */
export class Tombstones {
  #known: { readonly size: number; readonly lines: readonly Tombstone[] } | undefined;

  constructor(private readonly folder: string) {}

  /** Durable when it resolves. */
  async append(tombstone: Tombstone): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = await open(join(this.folder, FILE), 'a', 0o600);
    try {
      // The line feed first: a line that a crash has cut short then spoils no other one.
      await file.write(`\n${JSON.stringify(tombstone)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    const folder = await open(this.folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Each that is in force once, the oldest first. A line that a crash cut short was followed by nothing: what it was about has not begun. */
  async read(): Promise<Tombstone[]> {
    return inForce(await this.lines());
  }

  /** All lines ever written, so that the number of a line is a place that stays; those that came to nothing among them. */
  async lines(): Promise<readonly Tombstone[]> {
    const path = join(this.folder, FILE);
    const size = await stat(path).then((found) => found.size, absent(0));
    // Lines are only added.
    if (this.#known?.size !== size) this.#known = { size, lines: (await readFile(path, 'utf8').catch(absent(''))).split('\n').flatMap((line) => parse(line) ?? []) };
    return this.#known.lines;
  }
}

/** What of these came to something. */
export function inForce(lines: readonly Tombstone[]): Tombstone[] {
  const known = new Map<string, Tombstone>();
  for (const line of lines) {
    if (line.isVoid === true) known.delete(line.requestId);
    else known.set(line.requestId, line);
  }
  return [...known.values()];
}

const absent = <T>(instead: T) => (error: unknown): T => {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return instead;
  throw error;
};

function parse(line: string): Tombstone | undefined {
  try {
    return tombstoneSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
