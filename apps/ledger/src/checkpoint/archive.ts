import { appendFile, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '@countersign/runtime';

/** A tree head that was signed, as remembered outside the database. */
export interface SignedHead {
  readonly treeSize: number;
  /** Hex. */
  readonly root: string;
  /** RFC 3339. */
  readonly signedAt: string;
}

/**
 * Checkpoints kept outside the database: whoever rewrites the database, even as its superuser, meets here what was
 * signed before. Put it on storage that the database's operators cannot write.
 */
export interface CheckpointArchive {
  /** Every ledger that ever had a checkpoint: also one that the database knows nothing of any more. */
  tenants(): Promise<readonly string[]>;
  /** The latest signed note of a ledger. */
  latest(tenant: string): Promise<string | undefined>;
  /** Size of the largest tree whose checkpoint is known to be stored in the database as well; 0 when none is. */
  confirmedSize(tenant: string): Promise<number>;
  /** Confirmed heads of sizes above `afterSize`, oldest first: one a minute at most, and always the latest. */
  history(tenant: string, afterSize: number): Promise<readonly SignedHead[]>;
  /** Keeps the note, before anybody else gets it. Durable on return. */
  save(tenant: string, note: string, head: SignedHead): Promise<void>;
  /** Remembers that the database has the checkpoint too: from now on it must be found there. Durable on return. */
  confirm(tenant: string, head: SignedHead): Promise<void>;
}

/** Heads are remembered this far apart: what lies between two is still held by the later one's root. */
export const HISTORY_SPACING_MS = 60_000;
const TAIL_BYTES = 64 * 1024;
const LINE = /^(\d+) ([0-9a-f]{64}) (\S+)$/;

/** One folder a ledger: `checkpoint` is replaced each time, `history` and `latest` hold lines `size root time`. */
export class FileArchive implements CheckpointArchive {
  private readonly lastLineAtMs = new Map<string, number>();

  constructor(private readonly dir: string) {}

  async tenants(): Promise<readonly string[]> {
    try {
      return await readdir(this.dir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  async latest(tenant: string): Promise<string | undefined> {
    return readIfThere(join(this.dir, tenant, 'checkpoint'));
  }

  async history(tenant: string, afterSize: number): Promise<readonly SignedHead[]> {
    const kept = await readHistory(join(this.dir, tenant, 'history'), afterSize);
    const latest = parseHeads((await readIfThere(join(this.dir, tenant, 'latest'))) ?? '');
    const heads = [...kept, ...latest].filter((head) => head.treeSize > afterSize);
    return heads.filter((head, i) => head.treeSize !== heads[i + 1]?.treeSize);
  }

  async confirmedSize(tenant: string): Promise<number> {
    const [head] = parseHeads((await readIfThere(join(this.dir, tenant, 'latest'))) ?? '');
    return head?.treeSize ?? 0;
  }

  async save(tenant: string, note: string, head: SignedHead): Promise<void> {
    const folder = join(this.dir, tenant);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Two instances may sign at the same moment: the archive does not go back to the smaller tree.
    if (head.treeSize < (await this.confirmedSize(tenant))) return;
    await writeFileDurably(join(folder, 'checkpoint'), note, 0o600);
  }

  async confirm(tenant: string, head: SignedHead): Promise<void> {
    const folder = join(this.dir, tenant);
    if (head.treeSize < (await this.confirmedSize(tenant))) return;
    const line = `${head.treeSize} ${head.root} ${head.signedAt}`;
    await writeFileDurably(join(folder, 'latest'), line, 0o600);
    const signedAtMs = Date.parse(head.signedAt);
    // A clock that was put back must not silence the history until it has caught up.
    if (Math.abs(signedAtMs - (this.lastLineAtMs.get(tenant) ?? 0)) < HISTORY_SPACING_MS) return;
    // A leading newline ends whatever a crash tore off before.
    await appendFile(join(folder, 'history'), `\n${line}`, { mode: 0o600, flush: true });
    this.lastLineAtMs.set(tenant, signedAtMs);
  }
}

/** A torn last line is what a crash leaves. */
function parseHeads(text: string): SignedHead[] {
  return text.split('\n').flatMap((line) => {
    const match = LINE.exec(line);
    return match === null ? [] : [{ treeSize: Number(match[1]), root: match[2]!, signedAt: match[3]! }];
  });
}

/** Reads only the end of the file when that holds all that was asked for. */
async function readHistory(path: string, afterSize: number): Promise<readonly SignedHead[]> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const tail = parseHeads((await file.read(Buffer.alloc(size - start), 0, size - start, start)).buffer.toString('latin1'));
    if (start === 0 || (tail.length > 1 && tail[1]!.treeSize <= afterSize)) return tail;
    return parseHeads(await readFile(path, 'latin1'));
  } finally {
    await file.close();
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
