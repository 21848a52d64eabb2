import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CHUNK_BYTES, chunksOf, openChunk, SEALED_CHUNK_BYTES, sealStream, type FileKey } from '../src/index.js';

const KEY: FileKey = { fileId: 'file-1', bytes: Buffer.alloc(32, 7) };

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function seal(bytes: Buffer, size = 100_000, key = KEY): Promise<Buffer> {
  const sealed: Buffer[] = [];
  for await (const chunk of sealStream(key, pieces(bytes, size))) sealed.push(chunk);
  return Buffer.concat(sealed);
}

const chunkAt = (sealed: Buffer, index: number): Buffer => sealed.subarray(index * SEALED_CHUNK_BYTES, (index + 1) * SEALED_CHUNK_BYTES);

function open(sealed: Buffer, bytes: number, key = KEY): Buffer {
  const count = chunksOf(bytes);
  return Buffer.concat(Array.from({ length: count }, (_, index) => openChunk(key, index, index === count - 1, chunkAt(sealed, index))));
}

describe('a file in encrypted chunks', () => {
  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])('of %i bytes comes back whole, from any chunk on', async (length) => {
    const clear = Buffer.alloc(length, 'The quick brown fox. ');
    const sealed = await seal(clear);
    expect(sealed.length).toBe(length + 16 * chunksOf(length));
    expect(open(sealed, length).equals(clear)).toBe(true);
  });

  it('is the same however it came in pieces', async () => {
    const clear = Buffer.alloc(CHUNK_BYTES + 77, 'abc');
    const whole = await seal(clear, clear.length);
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1_000, max: 300_000 }), async (size) => expect((await seal(clear, size)).equals(whole)).toBe(true)), { numRuns: 10 });
  });

  it.each<[string, (sealed: Buffer) => Buffer]>([
    ['any byte of it is changed', (sealed) => Buffer.concat([sealed.subarray(0, 300), Buffer.from([sealed[300]! ^ 1]), sealed.subarray(301)])],
    ['a chunk is left out', (sealed) => Buffer.concat([sealed.subarray(0, SEALED_CHUNK_BYTES), sealed.subarray(2 * SEALED_CHUNK_BYTES)])],
    ['two chunks change places', (sealed) => Buffer.concat([chunkAt(sealed, 1), chunkAt(sealed, 0), chunkAt(sealed, 2)])],
    ['its end is cut off within a chunk', (sealed) => sealed.subarray(0, sealed.length - 1)],
  ])('is refused with FILE_NOT_AUTHENTIC when %s', async (_why, change) => {
    const length = 2 * CHUNK_BYTES + 9;
    const sealed = await seal(Buffer.alloc(length, 'x'));
    expect(() => open(change(sealed), length)).toThrow(expect.objectContaining({ code: 'FILE_NOT_AUTHENTIC' }));
  });

  it('does not pass for a shorter one: a chunk in the middle is no last one', async () => {
    const sealed = await seal(Buffer.alloc(2 * CHUNK_BYTES, 'x'));
    expect(() => open(sealed, CHUNK_BYTES)).toThrow(expect.objectContaining({ code: 'FILE_NOT_AUTHENTIC' }));
  });

  it('does not pass for another file, nor open under another key', async () => {
    const sealed = await seal(Buffer.from('x'));
    for (const key of [{ ...KEY, fileId: 'file-2' }, { ...KEY, bytes: Buffer.alloc(32, 8) }]) expect(() => open(sealed, 1, key)).toThrow(expect.objectContaining({ code: 'FILE_NOT_AUTHENTIC' }));
    await expect(seal(Buffer.from('x'), 1, { ...KEY, bytes: Buffer.alloc(16) })).rejects.toMatchObject({ code: 'FILE_KEY_MALFORMED' });
  });

  it('has at most as many chunks as its nonce counts', () => {
    expect(() => openChunk(KEY, 2 ** 32, true, Buffer.alloc(16))).toThrow(expect.objectContaining({ code: 'FILE_TOO_LARGE' }));
  });
});
