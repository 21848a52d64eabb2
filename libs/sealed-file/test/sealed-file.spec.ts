import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { refuseOthers, SealedFile } from '../src/index.js';

const ME = process.geteuid?.() ?? 0;

describe('a sealed file', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'countersign-sealed-file-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  const place = (name: string) => ({ path: join(dir, name, 'value.sealed'), keyPath: join(dir, name, 'sealing.key') });

  it('says what it is sealed under, and that it is not there', async () => {
    const [plain, guarded] = [place('plain'), { ...place('guarded'), passphrase: 'correct horse' }];
    expect(await SealedFile.protectionOf(plain.path)).toBeUndefined();
    await (await SealedFile.open<number>(plain)).create(1);
    await (await SealedFile.open<number>(guarded)).create(2);
    expect(await SealedFile.protectionOf(plain.path)).toBe('key-file');
    expect(await SealedFile.protectionOf(guarded.path)).toBe('passphrase');
    expect((await SealedFile.open<number>(guarded)).content).toBe(2);
  });

  it('under a passphrase does not open without one, and makes no key file meanwhile', async () => {
    const guarded = { ...place('without'), passphrase: 'correct horse' };
    await (await SealedFile.open<number>(guarded)).create(2);
    await expect(SealedFile.open({ ...guarded, passphrase: undefined })).rejects.toMatchObject({ code: 'SEALED_FILE_KEY_MISSING' });
    await expect(chmod(guarded.keyPath, 0o600)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused when another user owns it or others may touch it', async () => {
    const path = join(dir, 'owned');
    await writeFile(path, '', { mode: 0o600 });
    await expect(refuseOthers(path, ME)).resolves.toBeUndefined();
    await expect(refuseOthers(path, ME + 1)).rejects.toMatchObject({ code: 'SEALED_FILE_OWNER' });
    for (const mode of [0o610, 0o620, 0o640, 0o601, 0o602, 0o604]) {
      await chmod(path, mode);
      await expect(refuseOthers(path, ME)).rejects.toMatchObject({ code: 'SEALED_FILE_PERMISSIONS' });
    }
  });
});
