import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { EpochFiles } from '../../src/epoch/epoch-files.js';
import { SealedFileRootKey } from '../../src/root/sealed-file-root-key.js';
import { tempDir } from '../root/temp-dir.js';

const log = { info: () => undefined, warn: () => undefined };

async function opened(): Promise<{ readonly dir: string; readonly open: () => EpochFiles }> {
  const dir = await tempDir();
  const root = await SealedFileRootKey.open({ dir: join(dir, 'root'), mayCreate: true, now: Date.now, log });
  return { dir: join(dir, 'keys'), open: () => new EpochFiles(join(dir, 'keys'), root) };
}

const codeOf = (reading: Promise<unknown>): Promise<unknown> => reading.then(() => 'none', (error: Error & { readonly code?: unknown }) => error.code ?? error.message);

describe('the key of an epoch', () => {
  it('is missing from the first byte of its destruction on, and not something else on the way', async () => {
    const { dir, open } = await opened();
    await open().ensure(1);
    const [name] = await readdir(dir);
    const { size } = await stat(join(dir, name!));
    for (const overwritten of [size, Math.floor(size / 2)]) {
      await writeFile(join(dir, name!), Buffer.alloc(overwritten), { flag: 'r+' });
      expect(await codeOf(open().key(1))).toBe('EPOCH_KEY_MISSING');
    }
  });

  it('is there or missing for whoever reads while it is destroyed', async () => {
    const { open } = await opened();
    const seen = new Set<unknown>();
    for (let epoch = 1; epoch <= 20; epoch += 1) {
      await open().ensure(epoch);
      let isDestroyed = false;
      const destroying = open().destroyBefore(epoch + 1).finally(() => (isDestroyed = true));
      while (!isDestroyed) seen.add(await codeOf(open().key(epoch)));
      await destroying;
    }
    expect([...seen].filter((code) => code !== 'none')).toEqual(['EPOCH_KEY_MISSING']);
  });
});
