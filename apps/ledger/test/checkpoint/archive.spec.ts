import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FileArchive, HISTORY_SPACING_MS, type SignedHead } from '../../src/checkpoint/archive.js';
import { tempDir } from '../fixture/temp-dir.js';

const START_MS = Date.parse('2026-03-01T12:00:00.000Z');
const head = (treeSize: number, afterMs: number): SignedHead => ({
  treeSize,
  root: treeSize.toString(16).padStart(64, '0'),
  signedAt: new Date(START_MS + afterMs).toISOString(),
});
const sizes = (heads: readonly SignedHead[]): number[] => heads.map(({ treeSize }) => treeSize);

async function keep(archive: FileArchive, tenant: string, note: string, one: SignedHead): Promise<void> {
  await archive.save(tenant, note, one);
  await archive.confirm(tenant, one);
}

async function archiveWith(...heads: readonly SignedHead[]): Promise<{ archive: FileArchive; dir: string; historyFile: string }> {
  const dir = await tempDir();
  const archive = new FileArchive(dir);
  for (const one of heads) await keep(archive, 'acme', `note of ${one.treeSize}`, one);
  return { archive, dir, historyFile: join(dir, 'acme', 'history') };
}

describe('the checkpoint archive', () => {
  it('knows nothing at first', async () => {
    const { archive } = await archiveWith();
    expect(await archive.latest('acme')).toBe(undefined);
    expect(await archive.history('acme', 0)).toEqual([]);
  });

  it('keeps the latest note, and heads a minute apart with the latest always among them', async () => {
    const heads = [head(10, 0), head(20, 500), head(30, HISTORY_SPACING_MS), head(40, HISTORY_SPACING_MS + 500), head(50, HISTORY_SPACING_MS + 1_000)];
    const { archive, dir } = await archiveWith(...heads);
    expect(await archive.latest('acme')).toBe('note of 50');
    expect(await archive.history('acme', 0)).toEqual([heads[0], heads[2], heads[4]]);
    expect(sizes(await archive.history('acme', 10))).toEqual([30, 50]);
    expect(sizes(await archive.history('acme', 49))).toEqual([50]);
    expect(await archive.history('acme', 50)).toEqual([]);
    expect(await new FileArchive(dir).history('acme', 0)).toEqual([heads[0], heads[2], heads[4]]);
  });

  it('lists a head once it was confirmed, and never goes back behind it', async () => {
    const { archive } = await archiveWith(head(10, 0));
    await archive.save('acme', 'note of 30', head(30, 0));
    expect([await archive.latest('acme'), await archive.confirmedSize('acme'), sizes(await archive.history('acme', 0))]).toEqual(['note of 30', 10, [10]]);
    await archive.confirm('acme', head(30, 0));
    await keep(archive, 'acme', 'note of 20', head(20, 0));
    expect([await archive.latest('acme'), await archive.confirmedSize('acme'), sizes(await archive.history('acme', 0))]).toEqual(['note of 30', 30, [10, 30]]);
  });

  it('names a head once that is both the latest and in the history', async () => {
    const { archive } = await archiveWith(head(10, 0));
    expect(await archive.history('acme', 0)).toEqual([head(10, 0)]);
  });

  it('keeps ledgers apart', async () => {
    const { archive } = await archiveWith(head(10, 0));
    await keep(archive, 'globex', 'other', head(7, 0));
    expect(await archive.latest('acme')).toBe('note of 10');
    expect(sizes(await archive.history('globex', 0))).toEqual([7]);
  });

  it('goes on after a clock that was put back', async () => {
    const { archive } = await archiveWith(head(10, 0), head(20, -86_400_000), head(30, -86_300_000));
    expect(sizes(await archive.history('acme', 0))).toEqual([10, 20, 30]);
  });

  it.each(['\n12', '\n20 00ff', `\n20 ${'0'.repeat(64)} `])('reads past a line that a crash tore off: %j', async (torn) => {
    const { dir, historyFile } = await archiveWith(head(10, 0));
    await appendFile(historyFile, torn);
    const archive = new FileArchive(dir);
    expect(sizes(await archive.history('acme', 0))).toEqual([10]);
    await keep(archive, 'acme', 'note', head(30, 0));
    expect(sizes(await archive.history('acme', 0))).toEqual([10, 30]);
    await keep(archive, 'acme', 'note', head(40, HISTORY_SPACING_MS));
    expect(sizes(await archive.history('acme', 0))).toEqual([10, 30, 40]);
  });

  it('finds the same in a long history, wherever the part that it reads begins', async () => {
    const latest = head(1_000_000, 0);
    const { archive, historyFile } = await archiveWith(latest);
    const all = Array.from({ length: 800 }, (_, i) => head(1 + i * 7, i * HISTORY_SPACING_MS));
    const lines = all.map(({ treeSize, root, signedAt }) => `\n${treeSize} ${root} ${signedAt}`).join('');
    // The end of the file is read first: every place of a line becomes its border once.
    // A size whose first digits are cut off looks smaller than it is: 99 lies between the two.
    const wrong: string[] = [];
    for (let torn = 0; torn <= 100; torn++) {
      await writeFile(historyFile, `${lines}\n${'x'.repeat(torn)}`);
      for (const after of [99, 1 + 300 * 7]) {
        const beyond = [...all.filter(({ treeSize }) => treeSize > after), latest];
        if (JSON.stringify(await archive.history('acme', after)) !== JSON.stringify(beyond)) wrong.push(`${torn} after ${after}`);
      }
    }
    expect(wrong).toEqual([]);
    for (const size of [0, 1, 6, 7, 800, 5_593, 5_594]) {
      expect(await archive.history('acme', size)).toEqual([...all.filter(({ treeSize }) => treeSize > size), latest]);
    }
  });
});
