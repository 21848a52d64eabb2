import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import yauzl from 'yauzl';
import { zipStream, type ZipEntry } from '../src/index.js';

const AT = new Date('2026-11-22T16:00:00Z');

async function* entriesOf(all: Readonly<Record<string, string>>): AsyncGenerator<ZipEntry> {
  for (const [path, text] of Object.entries(all)) yield { path, content: async function* () { yield Buffer.from(text); } };
}

async function filesIn(zip: Buffer): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const reader = await yauzl.fromBufferPromise(zip);
  for await (const entry of reader.eachEntry()) files[entry.fileName] = (await buffer(await reader.openReadStreamPromise(entry))).toString();
  return files;
}

describe('an archive', () => {
  it('holds its files in order, as another program reads them', async () => {
    const all = { 'data/one.json': '{"a":1}', 'data/two.jsonl': 'x\n'.repeat(100_000), 'empty.txt': '', 'Grüße.txt': 'ä' };
    expect(await filesIn(await buffer(zipStream(entriesOf(all), AT)))).toEqual(all);
  });

  it('is the same for the same files', async () => {
    const made = () => buffer(zipStream(entriesOf({ 'a.txt': 'x' }), AT));
    expect((await made()).equals(await made())).toBe(true);
  });

  it('asks for a file when the one before is through, and not before it is read', async () => {
    const asked: string[] = [];
    const content = (path: string) => async function* (): AsyncGenerator<Uint8Array> {
      asked.push(path);
      for (let n = 0; n < 64; n++) yield Buffer.alloc(64 * 1024, `${path}${n}`);
    };
    const entries = async function* (): AsyncGenerator<ZipEntry> {
      for (const path of ['a', 'b', 'c']) yield { path, content: content(path) };
    };
    const stream = zipStream(entries(), AT);
    await stream.next();
    expect(asked).toEqual(['a']);
    for await (const _rest of stream) continue;
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it('breaks off as its content does', async () => {
    const entries = async function* (): AsyncGenerator<ZipEntry> {
      yield { path: 'a', content: async function* () { yield Buffer.from('x'); throw new Error('the service is gone'); } };
    };
    await expect(buffer(zipStream(entries(), AT))).rejects.toThrow('the service is gone');
    const list = async function* (): AsyncGenerator<ZipEntry> {
      yield { path: 'a', content: async function* () { yield Buffer.from('x'); } };
      throw new Error('there is no list');
    };
    await expect(buffer(zipStream(list(), AT))).rejects.toThrow('there is no list');
  });
});
