import { describe, expect, it } from '@jest/globals';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../src/exit-code.js';
import { parseKey } from '../src/keys.js';
import { VerifierMemory, defaultSeenDir } from '../src/memory.js';
import { exportVector, temporaryFolder } from './terminal.js';

const key = parseKey(exportVector('valid/five-entries').input.vkeys[0]!);
const tree = (treeSize: number): { treeSize: number; root: Buffer; note: string } => ({ treeSize, root: Buffer.alloc(32, treeSize), note: `note ${treeSize}` });

describe('what a verifier remembers', () => {
  it('is the last tree, across processes', async () => {
    const folder = temporaryFolder();
    expect(new VerifierMemory(folder).lastSeen([key])).toBeUndefined();
    await new VerifierMemory(folder).remember([key], tree(5));
    await new VerifierMemory(folder).remember([key], tree(7));
    expect(new VerifierMemory(folder).lastSeen([key])).toEqual(tree(7));
  });

  it('is for this user alone', async () => {
    const folder = join(temporaryFolder(), 'seen');
    await new VerifierMemory(folder).remember([key], tree(5));
    expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('is the keys of the first time: others are another ledger’s', async () => {
    const memory = new VerifierMemory(temporaryFolder());
    expect(memory.pins('https://ledger.example/ledgers/acme')).toBeUndefined();
    expect(await memory.pinned('https://ledger.example/ledgers/acme', ['a', 'b'])).toEqual(['a', 'b']);
    expect(await memory.pinned('https://ledger.example/ledgers/acme', ['b', 'a'])).toEqual(['a', 'b']);
    expect(await memory.pinned('https://ledger.example/ledgers/globex', ['c'])).toEqual(['c']);
    for (const served of [['a'], ['a', 'b', 'c'], ['a', 'c'], []]) {
      const refused: unknown = await memory.pinned('https://ledger.example/ledgers/acme', served).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(CliError);
      expect(refused).toMatchObject({ exitCode: 2, code: 'KEYS_CHANGED' });
    }
  });

  it('lies where the XDG specification says', () => {
    expect(defaultSeenDir({ XDG_STATE_HOME: '/state', HOME: '/home/u' })).toBe('/state/countersign/seen');
    expect(defaultSeenDir({ XDG_STATE_HOME: '', HOME: '/home/u' })).toBe('/home/u/.local/state/countersign/seen');
  });
});
