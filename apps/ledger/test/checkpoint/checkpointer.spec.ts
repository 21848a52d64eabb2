import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ChainFault, leafHash, rootOf, verifyCheckpoint, type HashSource, type NoteSignature, type TreeHead } from '@countersign/chain';
import type { Ledger } from '../../src/append/head.js';
import { FileArchive } from '../../src/checkpoint/archive.js';
import { Checkpointer, signCheckpoint, type CheckpointDependencies } from '../../src/checkpoint/checkpointer.js';
import { LocalSigner } from '../../src/keys/local-signer.js';
import { tempDir } from '../fixture/temp-dir.js';

const ACME: Ledger = { ledgerId: 1, tenant: 'acme', origin: 'ledger.example/acme' };
const GLOBEX: Ledger = { ledgerId: 2, tenant: 'globex', origin: 'ledger.example/globex' };
const INTERVAL_MS = 60;
const LEAVES = Array.from({ length: 200 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));
const FORGED = LEAVES.map((leaf, i) => (i === 2 ? leafHash(Buffer.from('forged')) : leaf));

/** Leaf tiles of a tree of at most 256 entries. */
const sourceOf = (leaves: readonly Buffer[]): HashSource => ({
  hashes: async (level, tileIndex, width) => {
    if (level !== 0 || tileIndex !== 0) throw new Error('a small tree has one tile');
    return Buffer.concat(leaves.slice(0, width));
  },
});

const headOf = (treeSize: number, leaves = LEAVES, { origin } = ACME): TreeHead => ({ origin, treeSize, root: rootOf(leaves.slice(0, treeSize)) });

interface Stored {
  readonly tenant: string;
  readonly treeSize: number;
  readonly note: string;
  readonly signedAt: string;
}

/** Everything around the checkpointer, real but for the database and the bus, which are lists. */
class Stand {
  leaves: readonly Buffer[] = LEAVES;
  readonly stored: Stored[] = [];
  readonly published: string[] = [];
  readonly signed: number[] = [];
  readonly faults: string[] = [];
  readonly retries: string[] = [];
  failStore = 0;
  failSign = 0;
  nowMs = Date.parse('2026-03-01T12:00:00.000Z');
  checkpointer: Checkpointer;

  private constructor(
    readonly archive: FileArchive,
    readonly signer: LocalSigner,
  ) {
    this.checkpointer = this.start();
  }

  static async open(): Promise<Stand> {
    const dir = await tempDir();
    return new Stand(new FileArchive(join(dir, 'archive')), await LocalSigner.open({ path: join(dir, 'keys.sealed'), keyPath: join(dir, 'key') }));
  }

  /** A checkpointer as a new process has it. */
  start(): Checkpointer {
    this.checkpointer = new Checkpointer(
      this.deps(),
      {
        onSigned: (_ledger, { treeSize }) => this.signed.push(treeSize),
        onBroken: (ledger, { code }) => this.faults.push(`${ledger.tenant} ${code}`),
        onRetry: (_ledger, error) => this.retries.push((error as Error).message),
      },
      INTERVAL_MS,
    );
    return this.checkpointer;
  }

  deps(): CheckpointDependencies {
    const signer: CheckpointDependencies['signer'] = {
      vkeys: (origin) => this.signer.vkeys(origin),
      sign: async (head, timestampSeconds) => {
        if (this.failSign-- > 0) throw new Error('signer away');
        return this.signer.sign(head, timestampSeconds);
      },
    };
    return {
      signer,
      archive: this.archive,
      hashSource: () => sourceOf(this.leaves),
      store: async ({ tenant }, { treeSize }, note, signedAt) => {
        if (this.failStore-- > 0) throw new Error('database away');
        // The archive comes first: what is stored can always be found there.
        if ((await this.archive.latest(tenant)) !== note) throw new Error('stored before it was archived');
        if (!this.stored.some((one) => one.tenant === tenant && one.treeSize === treeSize)) {
          this.stored.push({ tenant, treeSize, note, signedAt: signedAt.toISOString() });
        }
      },
      publish: (_ledger, note) => this.published.push(note),
      now: () => new Date(this.nowMs),
    };
  }

  storedSizes(): number[] {
    return this.stored.map(({ treeSize }) => treeSize);
  }
}

const stands: Stand[] = [];
const open = async (): Promise<Stand> => {
  const stand = await Stand.open();
  stands.push(stand);
  return stand;
};
afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.checkpointer.stop();
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ChainFault ? error.code : `no fault: ${String(error)}`;
}

describe('signing a checkpoint', () => {
  it('archives, stores and publishes the same note, which both keys verify', async () => {
    const stand = await open();
    const note = await signCheckpoint(ACME, headOf(3), stand.deps());
    expect(await stand.archive.latest('acme')).toBe(note);
    expect(stand.stored).toEqual([{ tenant: 'acme', treeSize: 3, note, signedAt: '2026-03-01T12:00:00.000Z' }]);
    expect(stand.published).toEqual([note]);
    expect(await stand.archive.history('acme', 0)).toEqual([{ treeSize: 3, root: headOf(3).root.toString('hex'), signedAt: '2026-03-01T12:00:00.000Z' }]);
    const verified = verifyCheckpoint(note!, { origin: ACME.origin, vkeys: await stand.signer.vkeys(ACME.origin) });
    expect(verified).toMatchObject({ treeSize: 3, timestampSeconds: stand.nowMs / 1000 });
  });

  it('happens again only when the tree has grown', async () => {
    const stand = await open();
    await signCheckpoint(ACME, headOf(3), stand.deps());
    expect(await signCheckpoint(ACME, headOf(3), stand.deps())).toBe(undefined);
    await signCheckpoint(ACME, headOf(200), stand.deps());
    expect(stand.storedSizes()).toEqual([3, 200]);
    expect(stand.published).toHaveLength(2);
  });

  it.each([
    ['is smaller than what was signed', 'LEDGER_ROLLED_BACK', headOf(99), LEAVES],
    ['is as large, with another root', 'CONSISTENCY_ROOT_MISMATCH', headOf(100, FORGED), FORGED],
    ['grew from a rewritten history', 'CONSISTENCY_ROOT_MISMATCH', headOf(150, FORGED), FORGED],
    ['has a root that its tiles do not give', 'CONSISTENCY_ROOT_MISMATCH', headOf(150, FORGED), LEAVES],
  ])('is refused to a tree that %s: %s', async (_what, code, head, leaves) => {
    const stand = await open();
    const before = await signCheckpoint(ACME, headOf(100), stand.deps());
    stand.leaves = leaves;
    expect(await codeOf(signCheckpoint(ACME, head, stand.deps()))).toBe(code);
    expect(await stand.archive.latest('acme')).toBe(before);
    expect(stand.storedSizes()).toEqual([100]);
    expect(stand.published).toEqual([before]);
  });

  it.each([
    ['has appended and signed since', 100, 'no fault: undefined'],
    ['has signed what is no longer there', 99, 'LEDGER_ROLLED_BACK'],
  ])('tells an old head from a ledger that was put back: another instance %s', async (_what, committed, outcome) => {
    const stand = await open();
    const note = await signCheckpoint(ACME, headOf(100), stand.deps());
    expect(await codeOf(signCheckpoint(ACME, headOf(40), { ...stand.deps(), committedSize: async () => committed }))).toBe(outcome);
    expect(await stand.archive.latest('acme')).toBe(note);
    expect(stand.storedSizes()).toEqual([100]);
  });

  it('is refused to a first tree whose root its tiles do not give', async () => {
    const stand = await open();
    expect(await codeOf(signCheckpoint(ACME, headOf(100, FORGED), stand.deps()))).toBe('ROOT_MISMATCH');
    expect(await stand.archive.latest('acme')).toBe(undefined);
    expect(stand.stored).toEqual([]);
  });

  it.each([
    ['of another ledger', 'CHECKPOINT_ORIGIN_MISMATCH', (note: string) => note.replaceAll('ledger.example/acme', 'ledger.example/other')],
    ['with a changed size', 'CHECKPOINT_SIGNATURE_INVALID', (note: string) => note.replace('\n3\n', '\n4\n')],
    ['without signatures', 'NOTE_MALFORMED', (note: string) => note.slice(0, note.indexOf('\n\n') + 2)],
    ['with one signature of two', 'CHECKPOINT_SIGNATURE_MISSING', (note: string) => note.trimEnd().split('\n').slice(0, -1).join('\n') + '\n'],
  ])('does not trust an archived note %s: %s', async (_what, code, alter) => {
    const stand = await open();
    const note = await signCheckpoint(ACME, headOf(3), stand.deps());
    await stand.archive.save('acme', alter(note!), { treeSize: 3, root: headOf(3).root.toString('hex'), signedAt: new Date().toISOString() });
    expect(await codeOf(signCheckpoint(ACME, headOf(9), stand.deps()))).toBe(code);
    expect(stand.storedSizes()).toEqual([3]);
  });

  it.each([
    ['an old head, when the database holds what was signed since', 9, undefined],
    ['a ledger that was put back, when it does not', 8, 'LEDGER_ROLLED_BACK'],
  ])('takes a smaller tree than the signer has signed for %s', async (_what, committed, code) => {
    const stand = await open();
    const refuse = async (): Promise<never> => {
      throw new ChainFault('LEDGER_ROLLED_BACK', 'a tree of 9 was signed', { treeSize: 9 });
    };
    const deps = { ...stand.deps(), signer: { vkeys: (origin: string) => stand.signer.vkeys(origin), sign: refuse }, committedSize: async () => committed };
    const signed = signCheckpoint(ACME, headOf(3), deps);
    if (code === undefined) expect(await signed).toBe(undefined);
    else expect(await codeOf(signed)).toBe(code);
    expect(await stand.archive.latest('acme')).toBe(undefined);
  });

  it('never hands out a signature that does not hold', async () => {
    const stand = await open();
    const bad = async (head: TreeHead, seconds: number): Promise<readonly NoteSignature[]> => {
      const [ed25519, mlDsa44] = await stand.signer.sign(head, seconds);
      return [{ ...ed25519!, signature: Buffer.alloc(ed25519!.signature.length) }, mlDsa44!];
    };
    const deps = { ...stand.deps(), signer: { vkeys: (origin: string) => stand.signer.vkeys(origin), sign: bad } };
    expect(await codeOf(signCheckpoint(ACME, headOf(3), deps))).toBe('CHECKPOINT_SIGNATURE_INVALID');
    expect(await stand.archive.latest('acme')).toBe(undefined);
    expect([stand.stored, stand.published]).toEqual([[], []]);
  });
});

describe('the checkpointer', () => {
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await sleep(5);
  };

  it('signs once for many appends, and never twice within the interval', async () => {
    const stand = await open();
    const startedMs = performance.now();
    for (let treeSize = 1; treeSize <= 60; treeSize++) {
      stand.checkpointer.grew(ACME, headOf(treeSize));
      await sleep(3);
    }
    await until(() => stand.signed.at(-1) === 60);
    const intervals = (performance.now() - startedMs) / INTERVAL_MS;
    expect(stand.signed.length).toBeLessThanOrEqual(intervals + 1);
    expect(stand.signed).toEqual([...stand.signed].sort((a, b) => a - b));
    expect(stand.storedSizes()).toEqual(stand.signed);
  });

  it('signs nothing for a ledger that has not grown since the last process', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(5));
    await stand.checkpointer.stop();
    stand.start().grew(ACME, headOf(5));
    await stand.checkpointer.stop();
    expect(stand.signed).toEqual([5]);
    expect(stand.published).toHaveLength(1);
  });

  it('stores after a crash what the crash left in the archive alone, as it was signed', async () => {
    const stand = await open();
    stand.failStore = 1;
    await expect(signCheckpoint(ACME, headOf(5), stand.deps())).rejects.toThrow('database away');
    const note = await stand.archive.latest('acme');
    expect(stand.stored).toEqual([]);
    stand.nowMs += 3_600_000;
    stand.start().grew(ACME, headOf(5));
    await stand.checkpointer.stop();
    expect(stand.stored).toEqual([{ tenant: 'acme', treeSize: 5, note, signedAt: '2026-03-01T12:00:00.000Z' }]);
    expect(stand.signed).toEqual([]);
  });

  it('stores what another instance archived and could not store, and then signs its own', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(5));
    await until(() => stand.signed.length === 1);
    stand.failStore = 1;
    await expect(signCheckpoint(ACME, headOf(7), stand.deps())).rejects.toThrow('database away');
    expect(await stand.archive.history('acme', 5)).toEqual([]);
    stand.checkpointer.grew(ACME, headOf(9));
    await until(() => stand.signed.includes(9));
    expect(stand.storedSizes()).toEqual([5, 7, 9]);
    expect(await stand.archive.confirmedSize('acme')).toBe(9);
  });

  it('stores it before the next one when the tree has grown in the meantime', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(5));
    await until(() => stand.signed.length === 1);
    stand.failStore = 1;
    stand.checkpointer.grew(ACME, headOf(7));
    await until(() => stand.retries.length === 1);
    stand.checkpointer.grew(ACME, headOf(9));
    await until(() => stand.signed.includes(9));
    expect(stand.storedSizes()).toEqual([5, 7, 9]);
    expect(stand.retries).toEqual(['database away']);
  });

  it('never puts back a checkpoint that somebody took from the database while it runs', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(5));
    await until(() => stand.signed.length === 1);
    stand.stored.length = 0;
    stand.checkpointer.grew(ACME, headOf(7));
    await until(() => stand.signed.length === 2);
    expect(stand.storedSizes()).toEqual([7]);
  });

  it('tries again when the signer is away', async () => {
    const stand = await open();
    stand.failSign = 2;
    stand.checkpointer.grew(ACME, headOf(5));
    await until(() => stand.signed.length === 1);
    expect(stand.retries).toEqual(['signer away', 'signer away']);
    expect(stand.storedSizes()).toEqual([5]);
  });

  it('reports a broken ledger once, and signs the others', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(100));
    await until(() => stand.signed.length === 1);
    stand.checkpointer.grew(ACME, headOf(90));
    stand.checkpointer.grew(GLOBEX, headOf(40, LEAVES, GLOBEX));
    await until(() => stand.signed.length === 2 && stand.faults.length === 1);
    await sleep(3 * INTERVAL_MS);
    expect(stand.faults).toEqual(['acme LEDGER_ROLLED_BACK']);
    expect(stand.signed).toEqual([100, 40]);
  });

  it('signs what is due when it stops, also when the first attempt fails', async () => {
    const stand = await open();
    stand.checkpointer.grew(ACME, headOf(5));
    await stand.checkpointer.stop();
    expect(stand.signed).toEqual([5]);
    stand.start().grew(ACME, headOf(8));
    stand.failStore = 1;
    await stand.checkpointer.stop();
    expect(stand.storedSizes()).toEqual([5, 8]);
    expect(stand.retries).toEqual(['database away']);
  });

  it('stops although nothing can be signed', async () => {
    const stand = await open();
    stand.failSign = Infinity;
    stand.checkpointer.grew(ACME, headOf(5));
    await stand.checkpointer.stop();
    const attempts = stand.retries.length;
    await sleep(3 * INTERVAL_MS);
    expect(stand.retries).toHaveLength(attempts);
    expect(attempts).toBeLessThanOrEqual(3);
    stand.failSign = 0;
  });
});

