import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { archiveKey, EMPTY_CATALOGUE, findBackup, formatLsn, parseLsn, readCatalogue, readObject, readTar, segmentName, storedBytes, writeCatalogue, writeObject, type Catalogue, type TarEntry } from '@countersign/backup';
import { FolderStore } from '@countersign/files';

const KEY = archiveKey(Buffer.alloc(32, 1));
const OTHER = archiveKey(Buffer.alloc(32, 2));
/** Two chunks and a rest. */
const CONTENT = Buffer.alloc(2 * 256 * 1024 + 17, 'countersign');

let folder: string;
let store: FolderStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-backup-'));
  store = new FolderStore(folder);
});
afterAll(() => rm(folder, { recursive: true }));

async function* parts(...all: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* all;
}
async function whole(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const part of source) read.push(part);
  return Buffer.concat(read);
}

describe('objects of an archive', () => {
  it('come back as they were, in every store, and nothing of them can be read there', async () => {
    const copies = new FolderStore(join(folder, 'copy'));
    const object = await writeObject([store, copies], KEY, 'two', parts(CONTENT));
    expect((await whole(readObject(copies, KEY, 'two', object))).equals(CONTENT)).toBe(true);
    const [here, there] = [await readFile(join(folder, 'two')), await readFile(join(folder, 'copy', 'two'))];
    expect([here.equals(there), here.length, here.includes('countersign')]).toEqual([true, object.bytes, false]);
    expect((await whole(storedBytes(store, object))).equals(here)).toBe(true);
  });

  it('are other bytes at every writing', async () => {
    const [a, b] = [await writeObject([store], KEY, 'same', parts(CONTENT)), await writeObject([store], KEY, 'same', parts(CONTENT))];
    expect(a.sha256).not.toBe(b.sha256);
  });

  it('that end with a chunk, and empty ones, are whole', async () => {
    for (const bytes of [0, 1, 256 * 1024, 512 * 1024]) {
      await writeObject([store], KEY, 'exact', parts(CONTENT.subarray(0, bytes)));
      expect((await whole(readObject(store, KEY, 'exact'))).length).toBe(bytes);
    }
  });

  it('are refused when any byte is changed, when they are cut off, longer, or another object', async () => {
    const object = await writeObject([store], KEY, 'tampered', parts(CONTENT));
    const bytes = await readFile(join(folder, 'tampered'));
    const read = (name = 'tampered', listed: typeof object | undefined = object) => whole(readObject(store, KEY, name, listed));
    const flipped = (at: number): Buffer => Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 0x80]), bytes.subarray(at + 1)]);
    const last = bytes.length - 1;
    for (const changed of [flipped(0), flipped(20), flipped(48), flipped(300_000), flipped(last), bytes.subarray(0, last), bytes.subarray(0, 48 + 256 * 1024 + 16), bytes.subarray(0, 10), Buffer.concat([bytes, Buffer.alloc(1)])]) {
      await writeFile(join(folder, 'tampered'), changed);
      await expect(read()).rejects.toMatchObject({ code: 'BACKUP_NOT_AUTHENTIC' });
    }
    await writeFile(join(folder, 'moved'), bytes);
    await expect(read('moved', undefined)).rejects.toMatchObject({ code: 'BACKUP_NOT_AUTHENTIC' });
    // An older object of the same name: authentic, and not the one that is listed.
    await writeFile(join(folder, 'tampered'), bytes);
    await writeObject([store], KEY, 'tampered', parts(CONTENT));
    await expect(read()).rejects.toMatchObject({ code: 'BACKUP_NOT_AUTHENTIC' });
  });

  it('are refused with another key, and when they are not there', async () => {
    await writeObject([store], KEY, 'keyed', parts(CONTENT));
    await expect(whole(readObject(store, OTHER, 'keyed'))).rejects.toMatchObject({ code: 'BACKUP_KEY_WRONG' });
    await expect(whole(readObject(store, KEY, 'absent'))).rejects.toMatchObject({ code: 'BACKUP_OBJECT_MISSING' });
    expect(() => archiveKey(Buffer.alloc(31))).toThrow(expect.objectContaining({ code: 'BACKUP_KEY_WRONG' }));
  });

  it('are not there when what they are made of fails', async () => {
    const failing = (async function* () {
      yield CONTENT;
      throw new Error('the server went away');
    })();
    await expect(writeObject([store], KEY, 'half', failing)).rejects.toThrow('the server went away');
    await expect(whole(readObject(store, KEY, 'half'))).rejects.toMatchObject({ code: 'BACKUP_OBJECT_MISSING' });
  });
});

describe('the catalogue', () => {
  it('lists newest first, is missed when it was taken away, and opens with its key alone', async () => {
    const place = new FolderStore(join(folder, 'catalogued'));
    await expect(readCatalogue(place, KEY)).rejects.toMatchObject({ code: 'BACKUP_OBJECT_MISSING' });
    await writeCatalogue([place], KEY, EMPTY_CATALOGUE);
    expect(await readCatalogue(place, KEY)).toEqual(EMPTY_CATALOGUE);
    expect(() => findBackup([], 'latest')).toThrow(expect.objectContaining({ code: 'BACKUP_UNKNOWN' }));
    const [old, recent] = [{ id: 'a', takenAt: '2026-01-01T00:00:00.000Z' }, { id: 'b', takenAt: '2026-01-02T00:00:00.000Z' }] as unknown as Catalogue['backups'];
    await writeCatalogue([place], KEY, { ...EMPTY_CATALOGUE, backups: [old!, recent!] });
    const { backups: listed } = await readCatalogue(place, KEY);
    expect([findBackup(listed, 'latest').id, findBackup(listed, 'a').id]).toEqual(['b', 'a']);
    await expect(readCatalogue(place, OTHER)).rejects.toMatchObject({ code: 'BACKUP_KEY_WRONG' });
  });

  it('is read whole while somebody writes it anew', async () => {
    await writeCatalogue([store], KEY, { ...EMPTY_CATALOGUE, orders: { first: { outcome: { state: 'recalled', at: 'now' } } } });
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; !isOver; n += 1) await writeCatalogue([store], KEY, { ...EMPTY_CATALOGUE, orders: { [`order-${String(n)}`]: { outcome: { state: 'recalled', at: 'now' } } } });
    })();
    try {
      for (let n = 0; n < 500; n += 1) expect(Object.keys((await readCatalogue(store, KEY)).orders)).toHaveLength(1);
    } finally {
      isOver = true;
      await writing;
    }
  });
});

function tarHeader(path: string, bytes: number, type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156);
  return header;
}

describe('readTar', () => {
  const read = async (archive: Buffer, step: number): Promise<string[]> => {
    const seen: string[] = [];
    let content = '';
    await readTar(parts(...Array.from({ length: Math.ceil(archive.length / step) }, (_, i) => archive.subarray(i * step, (i + 1) * step))), {
      begin: async (entry: TarEntry) => void (entry.kind === 'folder' ? seen.push(`${entry.path}/`) : (content = `${entry.path}=`)),
      content: async (bytes) => void (content += bytes.toString('utf8')),
      end: async () => void seen.push(content),
    });
    return seen;
  };
  const pad = (text: string): Buffer => Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, '\0'));
  const archive = Buffer.concat([tarHeader('./base/', 0, '5'), tarHeader('base/1', 3), pad('abc'), tarHeader('empty', 0), tarHeader('full', 512), pad('x'.repeat(512)), Buffer.alloc(1024)]);

  it.each([1, 7, 511, 512, 513, 100_000])('reads it in pieces of %i bytes', async (step) => {
    expect(await read(archive, step)).toEqual(['base/', 'base/1=abc', 'empty=', `full=${'x'.repeat(512)}`]);
  });

  it.each([
    ['leads out', tarHeader('../etc/passwd', 0)],
    ['leads out in the middle', tarHeader('a/../../b', 0)],
    ['is absolute', tarHeader('/etc/passwd', 0)],
    ['is a link', tarHeader('link', 0, '2')],
    ['is cut off in its content', Buffer.concat([tarHeader('a', 600), Buffer.alloc(512)])],
    ['is cut off in its header', tarHeader('a', 0).subarray(0, 100)],
  ])('refuses what %s', async (_name, bad) => {
    await expect(read(bad, 512)).rejects.toMatchObject({ code: 'BACKUP_UNSUPPORTED' });
  });
});

describe('positions in the log', () => {
  it('are written and read as PostgreSQL does, and name their segment', () => {
    expect([formatLsn(parseLsn('16/B374D848')), parseLsn('1/0'), segmentName(1, parseLsn('16/B374D848'), 16_777_216), segmentName(10, parseLsn('0/1000000'), 16_777_216)]).toEqual(['16/B374D848', 0x1_0000_0000n, '0000000100000016000000B3', '0000000A0000000000000001']);
    expect(() => parseLsn('16B374D848')).toThrow(RangeError);
  });
});
