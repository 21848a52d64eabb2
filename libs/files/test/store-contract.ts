import { expect, it } from '@jest/globals';
import type { FileStore } from '../src/index.js';

const BIG = Buffer.alloc(11 * 1024 * 1024, 'x1y2');

async function* of(bytes: Buffer, size = 1_000_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What every store of files keeps. `killedPut` leaves what a put leaves that is killed, where that is anything, and says then whether it is there. */
export function storeContract(open: () => FileStore, namesIn: () => Promise<readonly string[]>, killedPut?: (name: string) => () => boolean): void {
  it('gives back what was put, whole or a part of it', async () => {
    const store = open();
    await store.put('big', of(BIG));
    expect((await store.read('big', 0, BIG.length)).equals(BIG)).toBe(true);
    expect((await store.read('big', 5, 9)).toString()).toBe('1y2x');
    expect((await store.read('big', BIG.length - 2, BIG.length + 100)).toString()).toBe('y2');
    await store.put('small', of(Buffer.from('hello')));
    expect((await store.read('small', 0, 100)).toString()).toBe('hello');
    store.close();
  });

  it('has nothing of a file whose content broke off, and keeps the one before', async () => {
    const store = open();
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(6 * 1024 * 1024);
      throw new Error('the source is gone');
    };
    await expect(store.put('broken', broken())).rejects.toThrow('the source is gone');
    await store.put('kept', of(Buffer.from('first')));
    await expect(store.put('kept', broken())).rejects.toThrow('the source is gone');
    expect((await store.read('kept', 0, 10)).toString()).toBe('first');
    await expect(store.read('broken', 0, 1)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect((await namesIn()).filter((name) => name.includes('broken') || name.includes('.tmp'))).toEqual([]);
    store.close();
  });

  it('forgets what is removed, and does not mind what was not there', async () => {
    const store = open();
    await store.put('gone', of(Buffer.from('x')));
    await store.remove('gone');
    await store.remove('gone');
    await expect(store.read('gone', 0, 1)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect(await namesIn()).not.toContain('gone');
    store.close();
  });

  it('discards what a put has left that was killed, and what else had its name', async () => {
    const store = open();
    await store.put('half', of(Buffer.from('before')));
    await store.put('half-other', of(Buffer.from('stays')));
    const left = killedPut?.('half');
    expect(left?.() ?? true).toBe(true);
    await store.discard('half');
    expect(left?.() ?? false).toBe(false);
    await expect(store.read('half', 0, 1)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect((await store.read('half-other', 0, 10)).toString()).toBe('stays');
    await store.discard('half');
    store.close();
  });

  it('takes no name that leads elsewhere', async () => {
    const store = open();
    for (const name of ['../x', 'a/b', '', '.', 'x'.repeat(65)]) await expect((async () => store.read(name, 0, 1))()).rejects.toThrow(RangeError);
    store.close();
  });
}
