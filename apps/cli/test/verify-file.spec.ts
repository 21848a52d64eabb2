import { beforeEach, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countersign, exportVector, temporaryFolder } from './terminal.js';
import type { Ran } from './terminal.js';

describe('verify --file, with no service anywhere', () => {
  const key = exportVector('valid/five-entries').input.vkeys[0]!;
  let folder: string;
  const save = (vector: string): string => {
    const file = join(folder, 'ledger.csx');
    writeFileSync(file, exportVector(vector).input.file);
    return file;
  };
  const verify = (vector: string, ...more: readonly string[]): Promise<Ran> => countersign(folder, ['verify', '--file', save(vector), '--key', key, ...more]);
  const codeOf = ({ out }: Ran): unknown => (JSON.parse(out) as { error: { code: string } }).error.code;

  beforeEach(() => {
    folder = temporaryFolder();
  });

  it('passes a whole export and says what it is', async () => {
    const ran = await verify('valid/five-entries');
    expect(ran).toMatchObject({ exitCode: 0, err: '' });
    expect(ran.out).toContain('OK: audit.example.com/acme: 5 events');
  });

  it('prints one JSON document', async () => {
    const { exitCode, out } = await verify('valid/five-entries', '--json');
    const { expect: expected } = exportVector('valid/five-entries');
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, treeSize: 5, sha256: expected.sha256, root: Buffer.from(expected.root!, 'hex').toString('base64') });
  });

  it('takes the key from a file', async () => {
    const keyFile = join(folder, 'acme.pub');
    writeFileSync(keyFile, `# Acme\n\n${key}\n`);
    expect((await countersign(folder, ['verify', '--file', save('valid/five-entries'), '--key', keyFile])).exitCode).toBe(0);
  });

  it.each(['entry-altered', 'part-altered', 'tail-cut', 'checkpoint-size-altered', 'digest-altered', 'header-origin-altered', 'cut-after-entry'])(
    'ends with exit code 2 and the exact fault: %s',
    async (name) => {
      const ran = await verify(`invalid/${name}`, '--json');
      expect(ran.exitCode).toBe(2);
      expect(codeOf(ran)).toBe(exportVector(`invalid/${name}`).expect.code);
    },
  );

  it('names the leaf in its message', async () => {
    const { exitCode, out, err } = await verify('invalid/entry-altered');
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('FAILED: ENTRY_ALTERED at leaf 2');
  });

  it('remembers: a smaller tree later was rolled back', async () => {
    expect((await verify('valid/five-entries')).exitCode).toBe(0);
    const ran = await verify('invalid/rolled-back', '--json');
    expect([ran.exitCode, codeOf(ran)]).toEqual([2, 'LEDGER_ROLLED_BACK']);
  });

  it('remembers: another history, signed by the same key, was rewritten', async () => {
    expect((await verify('valid/five-entries')).exitCode).toBe(0);
    const ran = await verify('invalid/rewritten-and-signed', '--json');
    expect([ran.exitCode, codeOf(ran)]).toEqual([2, 'HISTORY_REWRITTEN']);
  });

  it('does not remember what did not verify', async () => {
    await verify('invalid/entry-altered');
    expect((await verify('invalid/rolled-back')).exitCode).toBe(0);
  });

  it('refuses to go on with a damaged memory', async () => {
    const seenDir = join(folder, 'seen');
    await verify('valid/five-entries', '--seen-dir', seenDir);
    const [file] = readdirSync(seenDir);
    writeFileSync(join(seenDir, file!), readFileSync(join(seenDir, file!), 'utf8').slice(0, 40));
    const ran = await verify('valid/five-entries', '--seen-dir', seenDir, '--json');
    expect([ran.exitCode, codeOf(ran)]).toEqual([1, 'MEMORY_DAMAGED']);
  });

  it.each([
    ['no key', ['verify', '--file', 'ledger.csx']],
    ['something that is no key', ['verify', '--file', 'ledger.csx', '--key', 'audit.example.com/acme']],
    ['no file', ['verify', '--file', 'nowhere.csx', '--key', key]],
    ['two things at once', ['verify', '--file', 'ledger.csx', '--tenant', 'acme']],
    ['nothing at all', ['verify']],
    ['an unknown option', ['verify', '--fiel', 'ledger.csx']],
    ['an unknown command', ['verfy']],
  ])('ends with exit code 1: %s', async (_what, args) => {
    const { exitCode, out, err } = await countersign(folder, args);
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(err).not.toBe('');
  });
});

describe('help', () => {
  it.each(['up', 'emit', 'import cloudtrail', 'search', 'checkpoint', 'keys', 'prove', 'verify', 'export', 'fsck', 'bench'])('%s has examples', async (name) => {
    const { exitCode, out } = await countersign(temporaryFolder(), [...name.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expect(out).toContain(`Examples:\n  $ countersign ${name.split(' ')[0]!}`);
  });

  it('documents the exit codes', async () => {
    expect((await countersign(temporaryFolder(), ['--help'])).out).toContain('  2  a verification ran and found a fault');
  });
});

describe('without a stack', () => {
  it.each([['verify', '--tenant', 'acme'], ['search', '--tenant', 'acme'], ['emit', '--tenant', 'acme', '--type', 'a.b.c', '--actor', 'user:u'], ['fsck']])('%s says how to get one', async (...args) => {
    const { exitCode, err } = await countersign(temporaryFolder(), args);
    expect(exitCode).toBe(1);
    expect(err).toContain('countersign up');
  });

  it('a ledger that does not answer is exit code 3', async () => {
    const { exitCode, out } = await countersign(temporaryFolder(), ['search', '--tenant', 'acme', '--ledger-url', 'http://127.0.0.1:9', '--json']);
    expect(exitCode).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ ok: false, error: { code: 'LEDGER_UNREACHABLE' } });
  });
});
