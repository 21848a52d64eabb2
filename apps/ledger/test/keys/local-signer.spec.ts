import { randomBytes } from 'node:crypto';
import { chmod, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { formatCheckpoint, formatVkey, sha256Hex, verifyCheckpoint } from '@countersign/chain';
import { LocalSigner } from '../../src/keys/local-signer.js';
import { SealedFile, SealedFileError, type SealedFileOptions } from '@countersign/sealed-file';
import { tempDir } from '../fixture/temp-dir.js';

const ORIGIN = 'ledger.example/acme';
const HEAD = { origin: ORIGIN, treeSize: 3, root: Buffer.alloc(32, 1) };
const PASSPHRASE = 'correct horse battery staple';

async function places(): Promise<SealedFileOptions & { dir: string }> {
  const dir = await tempDir();
  return { dir, path: join(dir, 'sealed', 'keys.sealed'), keyPath: join(dir, 'sealing', 'sealing.key') };
}

const vkeysOf = async (signer: LocalSigner, origin = ORIGIN): Promise<string[]> =>
  (await signer.vkeys(origin)).map(({ name, type, publicKey }) => formatVkey(name, type, publicKey));

async function failure(opening: Promise<unknown>): Promise<SealedFileError> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SealedFileError)) throw new Error(`not refused by the sealed file: ${String(error)}`);
  return error;
}

describe('the local signer', () => {
  it('makes two keys for each log, and keeps them through every reopening', async () => {
    const place = await places();
    const first = await LocalSigner.open(place);
    const before = [await vkeysOf(first), await vkeysOf(first, 'ledger.example/globex')];
    const digestKey = first.contentDigestKey;
    const second = await LocalSigner.open(place);
    expect([await vkeysOf(second), await vkeysOf(second, 'ledger.example/globex')]).toEqual(before);
    expect(second.contentDigestKey).toEqual(digestKey);
    expect(digestKey.version).toBe(1);
    expect(digestKey.key).toHaveLength(32);
    expect(new Set(before.flat()).size).toBe(4);
    expect((await second.vkeys(ORIGIN)).map(({ type }) => type)).toEqual([0x01, 0x06]);
  });

  it('makes the keys of many logs at once, and loses none of them', async () => {
    const place = await places();
    const origins = Array.from({ length: 8 }, (_, i) => `ledger.example/t-${i}`);
    const first = await LocalSigner.open(place);
    const asked = [...origins, ...origins];
    const made = await Promise.all(asked.map((origin) => vkeysOf(first, origin)));
    expect(made.slice(8)).toEqual(made.slice(0, 8));
    const second = await LocalSigner.open(place);
    expect(await Promise.all(origins.map((origin) => vkeysOf(second, origin)))).toEqual(made.slice(0, 8));
  });

  it('shares its keys with an instance that begins at the same time', async () => {
    const place = await places();
    const signers = await Promise.all(Array.from({ length: 5 }, () => LocalSigner.open(place)));
    expect(new Set(signers.map((signer) => signer.contentDigestKey.key.toString('hex'))).size).toBe(1);
    const made = await Promise.all(signers.map((signer) => vkeysOf(signer)));
    expect(new Set(made.map((vkeys) => vkeys.join())).size).toBe(1);
    expect(await vkeysOf(await LocalSigner.open(place))).toEqual(made[0]);
    expect((await readdir(join(place.dir, 'sealed'))).filter((name) => name.endsWith('.draft'))).toEqual([]);
  });

  it('does not sign for one log with the keys of another', async () => {
    const place = await places();
    const signer = await LocalSigner.open(place);
    const fileOf = (origin: string): string => `${place.path}.${sha256Hex(origin).slice(0, 32)}`;
    await vkeysOf(signer);
    await rename(fileOf(ORIGIN), fileOf('ledger.example/globex'));
    expect((await failure(vkeysOf(signer, 'ledger.example/globex'))).code).toBe('SEALED_FILE_MALFORMED');
  });

  it('signs what both of its keys verify', async () => {
    const signer = await LocalSigner.open(await places());
    const note = formatCheckpoint(HEAD, await signer.sign(HEAD, 1_772_366_400));
    const verified = verifyCheckpoint(note, { origin: ORIGIN, vkeys: await signer.vkeys(ORIGIN) });
    expect(verified).toMatchObject({ treeSize: 3, root: HEAD.root, timestampSeconds: 1_772_366_400 });
    expect(verified.verifiedBy).toHaveLength(2);
  });

  it('tries again to make a key that could not be kept', async () => {
    const place = await places();
    const signer = await LocalSigner.open(place);
    await rm(join(place.dir, 'sealed'), { recursive: true });
    await expect(signer.vkeys(ORIGIN)).rejects.toMatchObject({ code: 'ENOENT' });
    const repaired = await LocalSigner.open(place);
    expect(await vkeysOf(repaired)).toHaveLength(2);
  });

  it('leaves nothing readable in the file, which only its owner may read', async () => {
    const place = await places();
    const signer = await LocalSigner.open(place);
    await signer.vkeys(ORIGIN);
    const text = await readFile(place.path, 'utf8');
    expect(text).not.toContain(ORIGIN);
    expect(text).not.toContain(signer.contentDigestKey.key.toString('base64'));
    const files = (await readdir(join(place.dir, 'sealed'))).map((name) => join(place.dir, 'sealed', name));
    expect(files).toHaveLength(2);
    for (const path of [...files, place.keyPath]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(place.dir, 'sealed'))).mode & 0o777).toBe(0o700);
  });
});

describe('a sealed file', () => {
  it('opens with its passphrase alone, without a key file', async () => {
    const place = { ...(await places()), passphrase: PASSPHRASE };
    const before = await vkeysOf(await LocalSigner.open(place));
    expect(await vkeysOf(await LocalSigner.open(place))).toEqual(before);
    await expect(stat(place.keyPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is sealed with an initialisation vector of its own, and written once', async () => {
    const place = await places();
    const file = await SealedFile.open<number>(place);
    expect(await file.create(7)).toBe(true);
    const text = await readFile(place.path, 'utf8');
    expect(await file.create(8)).toBe(false);
    expect(await readFile(place.path, 'utf8')).toBe(text);
    const other = await file.beside<number>('other');
    expect(await other.create(7)).toBe(true);
    const ivs = [text, await readFile(`${place.path}.other`, 'utf8')].map((sealed) => (JSON.parse(sealed) as { iv: string }).iv);
    expect(new Set(ivs).size).toBe(2);
    const reopened = await SealedFile.open<number>(place);
    expect([reopened.content, (await reopened.beside('other')).content, (await reopened.beside('third')).content]).toEqual([7, 7, undefined]);
  });

  const alter = (name: 'iv' | 'tag' | 'ciphertext') => async (place: SealedFileOptions) => {
    const sealed = JSON.parse(await readFile(place.path, 'utf8')) as Record<string, string>;
    const bytes = Buffer.from(sealed[name]!, 'base64');
    bytes[0]! ^= 1;
    await writeFile(place.path, JSON.stringify({ ...sealed, [name]: bytes.toString('base64') }));
  };
  const FAULTS: ReadonlyArray<readonly [what: string, code: SealedFileError['code'], damage: (place: SealedFileOptions) => Promise<unknown>]> = [
    ['the file can be read by its group', 'SEALED_FILE_PERMISSIONS', ({ path }) => chmod(path, 0o640)],
    ['the file can be read by everybody', 'SEALED_FILE_PERMISSIONS', ({ path }) => chmod(path, 0o604)],
    ['the key can be read by others', 'SEALED_FILE_PERMISSIONS', ({ keyPath }) => chmod(keyPath, 0o644)],
    ['the key is missing', 'SEALED_FILE_KEY_MISSING', ({ keyPath }) => rm(keyPath)],
    ['the key is another one', 'SEALED_FILE_WRONG_KEY', ({ keyPath }) => writeFile(keyPath, randomBytes(32).toString('base64'))],
    ['the key is cut off', 'SEALED_FILE_MALFORMED', ({ keyPath }) => writeFile(keyPath, randomBytes(31).toString('base64'))],
    ['the key is empty', 'SEALED_FILE_MALFORMED', ({ keyPath }) => writeFile(keyPath, '')],
    ['one bit of the content is changed', 'SEALED_FILE_WRONG_KEY', alter('ciphertext')],
    ['one bit of the vector is changed', 'SEALED_FILE_WRONG_KEY', alter('iv')],
    ['one bit of the tag is changed', 'SEALED_FILE_WRONG_KEY', alter('tag')],
    ['the file is empty', 'SEALED_FILE_MALFORMED', ({ path }) => writeFile(path, '')],
    ['the file is cut off', 'SEALED_FILE_MALFORMED', async ({ path }) => writeFile(path, (await readFile(path, 'utf8')).slice(0, -9))],
    ['the file is of another format', 'SEALED_FILE_MALFORMED', async ({ path }) => writeFile(path, (await readFile(path, 'utf8')).replace('sealed/1', 'sealed/2'))],
    ['the file is no object', 'SEALED_FILE_MALFORMED', ({ path }) => writeFile(path, 'null')],
  ];

  it.each(FAULTS)('is refused when %s: %s', async (_what, code, damage) => {
    const place = await places();
    const signer = await LocalSigner.open(place);
    await signer.vkeys(ORIGIN);
    const secrets = [signer.contentDigestKey.key.toString('base64'), (await readFile(place.keyPath, 'utf8')).trim(), PASSPHRASE];
    await damage(place);
    const error = await failure(LocalSigner.open(place));
    expect(error.code).toBe(code);
    for (const secret of secrets) expect(`${error.message}\n${error.stack}`).not.toContain(secret);
  });

  it('does not open with a passphrase in place of its key', async () => {
    const place = await places();
    await LocalSigner.open(place);
    expect((await failure(LocalSigner.open({ ...place, passphrase: PASSPHRASE }))).code).toBe('SEALED_FILE_WRONG_KEY');
  });

  it('is refused with another passphrase, and the message holds neither', async () => {
    const place = await places();
    await LocalSigner.open({ ...place, passphrase: PASSPHRASE });
    const error = await failure(LocalSigner.open({ ...place, passphrase: 'Tr0ub4dor&3' }));
    expect(error.code).toBe('SEALED_FILE_WRONG_KEY');
    expect(error.message).not.toMatch(/horse|Tr0ub4dor/);
  });

  it('that was never sealed takes no key of another length', async () => {
    const place = await places();
    await LocalSigner.open(place);
    await rm(place.path);
    await writeFile(place.keyPath, 'c2hvcnQ=');
    expect((await failure(LocalSigner.open(place))).code).toBe('SEALED_FILE_MALFORMED');
  });
});
