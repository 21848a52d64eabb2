import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^erasures-(\d{8})\.log$/;
const LINE = /^([a-z0-9-]{1,63}) ([0-9a-f]{64}) (\S+)$/;
const NUMBER_CHARS = 8;

export interface JournalLine {
  readonly tenant: string;
  readonly digest: Buffer;
  readonly at: Date;
}

/**
 * Erasures of the current epoch, in a file outside every snapshot of a database: a subject store that was put back from
 * a snapshot of this epoch is told again whom it had forgotten. Older epochs need none: their snapshots open no more.
 */
export class ErasureJournal {
  constructor(readonly dir: string) {}

  /** Durable on return. */
  async append(epoch: number, { tenant, digest, at }: JournalLine): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const file = await open(this.#path(epoch), 'a', 0o600);
    try {
      // A leading newline ends whatever a crash tore off before.
      await file.write(`\n${tenant} ${digest.toString('hex')} ${at.toISOString()}`);
      await file.sync();
    } finally {
      await file.close();
    }
    const folder = await open(this.dir, 'r');
    await folder.sync().finally(() => folder.close());
  }

  /** Everything on record; a torn line is what a crash leaves, before the erasure was carried out. */
  async read(): Promise<JournalLine[]> {
    const lines: JournalLine[] = [];
    for (const epoch of await this.#epochs()) {
      for (const text of (await readFile(this.#path(epoch), 'utf8')).split('\n')) {
        const match = LINE.exec(text);
        if (match !== null) lines.push({ tenant: match[1]!, digest: Buffer.from(match[2]!, 'hex'), at: new Date(match[3]!) });
      }
    }
    return lines;
  }

  /** Forgets the erasures of epochs before this one. */
  async forgetBefore(epoch: number): Promise<void> {
    for (const old of (await this.#epochs()).filter((number) => number < epoch)) await rm(this.#path(old), { force: true });
  }

  async #epochs(): Promise<number[]> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    return (await readdir(this.dir)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  }

  #path(epoch: number): string {
    return join(this.dir, `erasures-${String(epoch).padStart(NUMBER_CHARS, '0')}.log`);
  }
}
