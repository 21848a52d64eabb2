import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { choosePort, TEST_DEPLOYMENT } from '@countersign/devstack';
import { isPassing, KeyClientError } from '@countersign/key-client';
import { KeysFixture, until } from './fixture/keys-fixture.js';

const MAIN = join(import.meta.dirname, '../dist/main.js');
/** Many more in `npm run test:faults`. */
const KILLS = 2;
const PLACE = { table: 'entries', column: 'personal', row: '1' };

let fixture: KeysFixture;
let env: Record<string, string>;
let url: string;

beforeAll(async () => {
  fixture = await KeysFixture.make();
  const config = await fixture.config();
  const port = await choosePort(undefined);
  url = `http://127.0.0.1:${port}`;
  env = {
    PATH: process.env['PATH'] ?? '',
    COUNTERSIGN_DEPLOYMENT: TEST_DEPLOYMENT,
    ...(await fixture.secretFiles()),
    KEYS_NATS_URL: config.natsUrl,
    KEYS_EPOCH_DIR: config.epochDir,
    KEYS_ROOT_DIR: join(fixture.dir, 'root'),
    KEYS_RECEIPT_NAME: 'keys.example/receipts',
    KEYS_HTTP_PORT: String(port),
    KEYS_ALLOW_FSYNC_OFF: 'true',
  };
}, 60_000);
const children: ChildProcess[] = [];
afterAll(async () => {
  // A failed test leaves its process behind, and that would keep this one alive.
  for (const child of children) child.kill('SIGKILL');
  await fixture.close();
});

function launch(changes: Record<string, string | undefined> = {}): { child: ChildProcess; err: () => string } {
  const child = spawn(process.execPath, [MAIN], { env: { ...env, ...changes }, stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let err = '';
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  return { child, err: () => err };
}

const isReady = (): Promise<boolean> => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);

describe('the key service as a process', () => {
  it('becomes ready, shows its metrics, and ends in order', async () => {
    const { child } = launch();
    await until('ready', isReady);
    const keys = await fixture.as('ledger');
    await keys.fields.seal('acme', 'ledger.quarantine', PLACE, Buffer.from('x'));
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('countersign_keys_request_duration_seconds_count{service="keys",operation="data-key",outcome="answered"} 1');
    expect(metrics).toContain('countersign_keys_epoch_rows_remaining{service="keys"} 0');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('names what is missing of its configuration, and ends with 78', async () => {
    const { child, err } = launch({ KEYS_EPOCH_DIR: undefined });
    expect((await once(child, 'close'))[0]).toBe(78);
    expect(err()).toContain('KEYS_EPOCH_DIR is missing');
  });

  it('refuses to make a new root key when the old one is not there', async () => {
    const { child, err } = launch({ KEYS_ROOT_DIR: join(fixture.dir, 'elsewhere') });
    expect((await once(child, 'close'))[0]).toBe(1);
    expect(err()).toContain('there is no root key');
  });

  it(`killed ${KILLS} times under load it loses no key that was handed out, and comes back by itself`, async () => {
    let child: ChildProcess | undefined;
    let isOver = false;
    const sealed: { tenant: string; context: typeof PLACE; text: string }[] = [];
    const kill = (async () => {
      for (let i = 0; i < KILLS; i++) {
        ({ child } = launch());
        await until('ready', isReady);
        await sleep(30 + ((i * 37) % 200));
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      ({ child } = launch());
      await until('ready', isReady);
      // On a slow machine a life may be too short for anybody to be answered.
      await until('sealed', async () => sealed.length > KILLS);
      isOver = true;
    })();
    const work = async (name: string): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        // A client that has cached nothing: each round asks.
        const keys = await fixture.as('ledger', { timeoutMs: 300 });
        try {
          const subjects = await keys.subjects.ensure('acme', [`${name}-${i}`, `shared-${i % 7}`]);
          sealed.push({ tenant: 'acme', context: PLACE, text: subjects.seal(`shared-${i % 7}`, PLACE, Buffer.from('x')) });
          sealed.push({ tenant: 'acme', context: PLACE, text: subjects.seal(`${name}-${i}`, PLACE, Buffer.from('x')) });
        } catch (error) {
          if (!(error instanceof KeyClientError) || !isPassing(error.code)) throw error;
        }
        await keys.client.bus.close();
      }
    };
    await Promise.all([kill, work('a'), work('b')]);
    expect(sealed.length).toBeGreaterThan(KILLS);
    const fresh = await fixture.as('ledger');
    expect((await fresh.subjects.openAll(sealed)).filter((each) => 'fault' in each)).toEqual([]);
    // Every key that was handed out is on record: at least as many as this test has seen.
    const granted = (await fixture.audit('keys.subject-key.leased')).reduce((sum, { data }) => sum + (data['granted'] as number), 0);
    expect(granted).toBeGreaterThanOrEqual(sealed.length);
    child!.kill('SIGTERM');
    await once(child!, 'exit');
  }, 120_000);
});
