import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeakCorpus } from '../src/index.js';
import { leakDigest } from '../src/leak-check.js';

const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
afterAll(() => rmSync(folder, { recursive: true }));

const digestsOf = (count: number): string[] => Array.from({ length: count }, (_, at) => leakDigest(`password ${at}`)).sort();
let files = 0;

function write(text: string): string {
  const path = join(folder, `${(files += 1)}.txt`);
  writeFileSync(path, text);
  return path;
}

const SHAPES: ReadonlyArray<readonly [why: string, text: (digests: readonly string[]) => string]> = [
  ['counts and CRLF, as it is downloaded', (digests) => digests.map((digest, at) => `${digest}:${at ** 3 + 1}\r\n`).join('')],
  ['no counts and no newline at the end', (digests) => digests.join('\n')],
  ['counts of many lengths', (digests) => digests.map((digest, at) => `${digest}:${10 ** (at % 12)}\n`).join('')],
];

describe('the offline corpus', () => {
  it.each(SHAPES.flatMap(([why, text]) => [1, 2, 3, 300, 2_000].map((count) => [why, count, text] as const)))('with %s, of %d lines, has its own and no others', async (_why, count, text) => {
    const digests = digestsOf(count);
    const corpus = await LeakCorpus.open(write(text(digests)));
    const sought = digests.filter((_, at) => at < 40 || at % 37 === 0 || at > count - 40);
    expect(await Promise.all(sought.map((digest) => corpus.has(digest)))).toEqual(sought.map(() => true));
    const others = ['0'.repeat(40), 'F'.repeat(40), ...Array.from({ length: 60 }, (_, at) => leakDigest(`other ${at}`))];
    expect(await Promise.all(others.map((digest) => corpus.has(digest)))).toEqual(others.map(() => false));
    await corpus.close();
  });

  it('judges passwords', async () => {
    const corpus = await LeakCorpus.open(write(digestsOf(500).join('\n')));
    expect(await corpus.check('password 499')).toBe('leaked');
    expect(await corpus.check('password 500')).toBe('clean');
    await corpus.close();
  });

  const malformed = [
    ['nothing', ''],
    ['another text', 'hello world, this is not it\n'.repeat(50)],
    ['lower case, which would never be found', digestsOf(50).join('\n').toLowerCase()],
    ['the wrong order', digestsOf(50).reverse().join('\n')],
    ['the order of counts', [...digestsOf(50).slice(25), ...digestsOf(50).slice(0, 25)].join('\n')],
    ['one endless line', 'A'.repeat(100_000)],
    ['a cut last line', `${digestsOf(50).join('\n')}\n0123`],
  ] as const;
  it.each(malformed)('is refused when it is %s', async (_why, text) => {
    await expect(LeakCorpus.open(write(text))).rejects.toMatchObject({ code: 'CORPUS_MALFORMED' });
  });

  it('is refused when a line in its midst is something else, at the latest when it is met', async () => {
    const digests = digestsOf(50);
    digests[30] = 'x'.repeat(40);
    const corpus = await LeakCorpus.open(write(digests.join('\n')));
    await expect(corpus.has(digests[40]!)).rejects.toMatchObject({ code: 'CORPUS_MALFORMED' });
    await corpus.close();
  });

  it('says so when it was cut while it was open', async () => {
    const path = write(digestsOf(1_000).join('\n'));
    const corpus = await LeakCorpus.open(path);
    truncateSync(path, 100);
    await expect(corpus.has('F'.repeat(40))).rejects.toMatchObject({ code: 'CORPUS_MALFORMED' });
    await corpus.close();
  });

  it('that is not there is an error of the file system', async () => {
    await expect(LeakCorpus.open(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
