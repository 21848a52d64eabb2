import { randomBytes } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SealedFileRootKey, type SealedFileRootKeyOptions } from '../../src/root/sealed-file-root-key.js';
import { CONTEXT, rootKeyContract } from './root-key-contract.js';
import { tempDir } from './temp-dir.js';

const NOW = Date.UTC(2026, 0, 2);

interface Logged {
  readonly level: 'info' | 'warn';
  readonly fields: unknown;
  readonly text: string;
}

async function place(given: Partial<SealedFileRootKeyOptions> = {}): Promise<SealedFileRootKeyOptions & { readonly logged: Logged[] }> {
  const logged: Logged[] = [];
  const write = (level: Logged['level']) => (fields: unknown, text?: string) => void logged.push({ level, fields, text: text ?? '' });
  const log = { info: write('info'), warn: write('warn') } as SealedFileRootKeyOptions['log'];
  return { dir: join(await tempDir(), 'root'), mayCreate: true, now: () => NOW, log, logged, ...given };
}

const filesIn = async (dir: string): Promise<string[]> => (await readdir(dir)).sort();
const wrapOne = (provider: SealedFileRootKey): Promise<string> => provider.wrap(CONTEXT, Buffer.alloc(32, 9));
const opensOne = async (provider: SealedFileRootKey, text: string): Promise<boolean> => (await provider.unwrap(CONTEXT, text)).equals(Buffer.alloc(32, 9));

rootKeyContract('sealed file', async () => {
  const options = await place();
  const provider = await SealedFileRootKey.open(options);
  return {
    provider,
    reopen: () => SealedFileRootKey.open({ ...options, mayCreate: false }),
    stranger: async () => SealedFileRootKey.open(await place()),
    rotate: async () => void (await provider.rotate()),
    close: async () => undefined,
  };
});

describe('the sealed file of a root key', () => {
  it('is made on the first start, for its owner alone, and says that no passphrase protects it', async () => {
    const options = await place();
    const { protection, versions } = await (await SealedFileRootKey.open(options)).describe();
    expect([protection, versions]).toMatchObject(['key-file', [{ createdAt: '2026-01-02T00:00:00.000Z' }]]);
    expect((await stat(options.dir)).mode & 0o777).toBe(0o700);
    expect(await filesIn(options.dir)).toEqual(['root-key.00000001.sealed', 'sealing.key']);
    for (const file of await filesIn(options.dir)) expect((await stat(join(options.dir, file))).mode & 0o777).toBe(0o600);
    expect(options.logged.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([expect.stringContaining('not protected by a passphrase')]);
  });

  it('opens with its passphrase alone, and then warns of nothing', async () => {
    const options = await place({ passphrase: 'correct horse' });
    const text = await wrapOne(await SealedFileRootKey.open(options));
    const again = await SealedFileRootKey.open(options);
    expect(await opensOne(again, text)).toBe(true);
    expect((await again.describe()).protection).toBe('passphrase');
    expect(await filesIn(options.dir)).toEqual(['root-key.00000001.sealed']);
    expect(options.logged.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('is made once by instances that begin together', async () => {
    const options = await place();
    const providers = await Promise.all(Array.from({ length: 5 }, () => SealedFileRootKey.open(options)));
    const text = await wrapOne(providers[0]!);
    for (const provider of providers) expect(await opensOne(provider, text)).toBe(true);
  });

  it('rotates once a call when instances rotate together, and loses no version', async () => {
    const options = await place();
    const first = await SealedFileRootKey.open(options);
    const text = await wrapOne(first);
    const others = await Promise.all([1, 2, 3].map(() => SealedFileRootKey.open(options)));
    await Promise.all(others.map((other) => other.rotate()));
    const { versions, current } = await (await SealedFileRootKey.open(options)).describe();
    expect([versions.length, current.endsWith('_4')]).toEqual([4, true]);
    expect(await opensOne(first, text)).toBe(true);
  });

  it('retires a version only when a count finds nothing under it, and then for good', async () => {
    const options = await place();
    const provider = await SealedFileRootKey.open(options);
    const text = await wrapOne(provider);
    const old = provider.rootKeyOf(text);
    const current = await provider.rotate();
    await expect(provider.retire(old, async () => 3)).rejects.toMatchObject({ code: 'ROOT_KEY_IN_USE' });
    expect(await opensOne(provider, text)).toBe(true);
    await expect(provider.retire(current, async () => 0)).rejects.toMatchObject({ code: 'ROOT_KEY_IN_USE' });
    await provider.retire(old, async () => 0);
    for (const one of [provider, await SealedFileRootKey.open(options)]) {
      await expect(one.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
      await expect(one.retire(old, async () => 0)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    }
    expect(await filesIn(options.dir)).toEqual(['root-key.00000003.sealed', 'sealing.key']);
  });

  it('is not replaced by a new one when keys under it exist', async () => {
    const options = await place();
    await SealedFileRootKey.open(options);
    await rm(options.dir, { recursive: true });
    await expect(SealedFileRootKey.open({ ...options, mayCreate: false })).rejects.toMatchObject({ code: 'ROOT_KEY_MISSING' });
  });

  it('moves to another passphrase, and to the first, without losing a key', async () => {
    const options = await place();
    const text = await wrapOne(await SealedFileRootKey.open(options));
    const guarded = await SealedFileRootKey.open({ ...options, passphrase: 'first' });
    expect(await filesIn(options.dir)).toEqual(['root-key.00000002.sealed']);
    const moved = await SealedFileRootKey.open({ ...options, passphrase: 'second', previousPassphrase: 'first' });
    for (const provider of [guarded, moved]) expect(await opensOne(provider, text)).toBe(true);
    await expect(SealedFileRootKey.open({ ...options, passphrase: 'first' })).rejects.toMatchObject({ code: 'SEALED_FILE_WRONG_KEY' });
    expect(await opensOne(await SealedFileRootKey.open({ ...options, passphrase: 'second' }), text)).toBe(true);
  });

  it('goes on after a crash between a new generation and the deletion of the old one', async () => {
    const options = await place();
    const provider = await SealedFileRootKey.open(options);
    const [first, kept] = ['root-key.00000001.sealed', 'copy'].map((name) => join(options.dir, name)) as [string, string];
    await copyFile(first, kept);
    const text = await wrapOne(provider);
    await provider.rotate();
    await copyFile(kept, first);
    await rm(kept);
    expect(await opensOne(await SealedFileRootKey.open(options), text)).toBe(true);
    expect(await filesIn(options.dir)).toEqual(['root-key.00000002.sealed', 'sealing.key']);
  });

  const SEALED = 'root-key.00000001.sealed';
  it.each([
    ['its folder is open to the group', 'SEALED_FILE_PERMISSIONS', (dir: string) => chmod(dir, 0o750)],
    ['its folder is open to everybody', 'SEALED_FILE_PERMISSIONS', (dir: string) => chmod(dir, 0o701)],
    ['the file can be read by its group', 'SEALED_FILE_PERMISSIONS', (dir: string) => chmod(join(dir, SEALED), 0o640)],
    ['the key file can be read by others', 'SEALED_FILE_PERMISSIONS', (dir: string) => chmod(join(dir, 'sealing.key'), 0o604)],
    ['the key file is missing', 'SEALED_FILE_KEY_MISSING', (dir: string) => rm(join(dir, 'sealing.key'))],
    ['the key file is another one', 'SEALED_FILE_WRONG_KEY', (dir: string) => writeFile(join(dir, 'sealing.key'), randomBytes(32).toString('base64'))],
    ['the file is cut off', 'SEALED_FILE_MALFORMED', async (dir: string) => writeFile(join(dir, SEALED), (await readFile(join(dir, SEALED), 'utf8')).slice(0, -5))],
  ])('refuses the start when %s: %s', async (_what, code, damage) => {
    const options = await place();
    await SealedFileRootKey.open(options);
    await damage(options.dir);
    await expect(SealedFileRootKey.open(options)).rejects.toMatchObject({ code });
  });

  it.each([
    ['without its passphrase', 'SEALED_FILE_KEY_MISSING', {}],
    ['with another passphrase', 'SEALED_FILE_WRONG_KEY', { passphrase: 'Tr0ub4dor&3' }],
    ['with two wrong ones', 'SEALED_FILE_WRONG_KEY', { passphrase: 'Tr0ub4dor&3', previousPassphrase: 'hunter2' }],
  ])('refuses to open %s: %s, and names none', async (_what, code, given) => {
    const options = await place();
    await SealedFileRootKey.open({ ...options, passphrase: 'correct horse' });
    const error = await SealedFileRootKey.open({ ...options, ...given }).then(() => undefined, (reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code });
    expect(`${error?.message}\n${error?.stack}`).not.toMatch(/horse|Tr0ub4dor|hunter2/);
  });

  it('keeps nothing readable in its files or its log', async () => {
    const options = await place({ passphrase: 'correct horse' });
    const provider = await SealedFileRootKey.open(options);
    await provider.rotate();
    const { key } = await provider.describe();
    const text = (await Promise.all((await filesIn(options.dir)).map((name) => readFile(join(options.dir, name), 'utf8')))).join();
    expect(text).not.toContain(key);
    expect(JSON.stringify(options.logged)).not.toContain('horse');
  });
});
