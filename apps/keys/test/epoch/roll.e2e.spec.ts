import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Keys } from '@countersign/key-client';
import { KeysFixture, until } from '../fixture/keys-fixture.js';

const CHILD = join(import.meta.dirname, 'roll-child.mjs');
const SUBJECTS = Array.from({ length: 1_200 }, (_, i) => `person-${i}`);
const PLACE = { table: 'entries', column: 'personal', row: '1' };

let fixture: KeysFixture;
let texts: string[];

beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
  const ledger = await fixture.as('ledger');
  const keys = await ledger.subjects.ensure('acme', SUBJECTS);
  texts = SUBJECTS.map((subject) => keys.seal(subject, PLACE, Buffer.from(subject)));
  await fixture.stop();
}, 60_000);
afterAll(() => fixture.close());

const epochs = async (): Promise<number[]> => (await readdir(join(fixture.dir, 'epochs', 'keys'))).map((name) => Number(/\d+/.exec(name)![0])).sort((a, b) => a - b);
const current = async (): Promise<number> => Number((await fixture.subjects.query<{ current: number }>('SELECT current FROM epoch')).rows[0]!.current);

async function openable(keys: Keys): Promise<number> {
  const opened = await keys.subjects.openAll(texts.map((text) => ({ tenant: 'acme', context: PLACE, text })));
  return opened.filter((each, i) => 'bytes' in each && each.bytes.toString() === SUBJECTS[i]).length;
}

async function rollAndDie(step: string, times: number): Promise<NodeJS.Signals | null> {
  const { epochDir } = await fixture.config();
  const child = spawn(process.execPath, [CHILD], {
    env: { PATH: process.env['PATH'] ?? '', SUBJECTS_URL: fixture.url('keys_subjects'), EPOCH_DIR: epochDir, ROOT_DIR: join(fixture.dir, 'root'), DIE_BEFORE: step, DIE_AFTER_TIMES: String(times) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal;
}

describe('a roll of the epoch that is killed', () => {
  it.each([
    ['make-key', 0],
    ['begin-epoch', 0],
    ['rewrap-batch', 0],
    ['rewrap-batch', 1],
    ['rewrap-batch', 2],
    ['destroy-old-keys', 0],
  ])('before %s (after %i times) is finished by the next start, and every subject can be read', async (step, times) => {
    const before = await current();
    expect(await rollAndDie(step, times)).toBe('SIGKILL');
    const begun = await current();
    await fixture.start();
    const ledger = await fixture.as('ledger');
    expect(await openable(ledger)).toBe(SUBJECTS.length);
    if (begun === before) {
      const operator = await fixture.as('operator');
      await operator.client.ask('roll-epoch', {});
    }
    await until('one epoch key is left', async () => (await epochs()).join() === String(before + 1));
    expect((await fixture.subjects.query('SELECT FROM subject_keys WHERE epoch <> $1', [before + 1])).rowCount).toBe(0);
    expect(await openable(await fixture.as('ledger'))).toBe(SUBJECTS.length);
    await fixture.stop();
  });
});

describe('a roll under load', () => {
  it('refuses nobody and loses nothing', async () => {
    await fixture.start();
    const operator = await fixture.as('operator');
    const before = await current();
    let made = 0;
    const work = async (name: string): Promise<void> => {
      const keys = await fixture.as('ledger');
      for (let i = 0; i < 15; i++) {
        const subjects = Array.from({ length: 20 }, (_, n) => `${name}-${i}-${n}`);
        const { faults } = await keys.subjects.ensure('acme', subjects);
        expect(faults.size).toBe(0);
        made += subjects.length;
      }
    };
    await Promise.all([work('a'), work('b'), work('c'), operator.client.ask('roll-epoch', {})]);
    await until('the roll is over', async () => (await epochs()).join() === String(before + 1));
    const { rows } = await fixture.subjects.query<{ count: string }>('SELECT count(*) FROM subject_keys WHERE epoch = $1', [before + 1]);
    expect(Number(rows[0]!.count)).toBe(SUBJECTS.length + made);
    expect(await openable(await fixture.as('ledger'))).toBe(SUBJECTS.length);
    await fixture.stop();
  });
});
