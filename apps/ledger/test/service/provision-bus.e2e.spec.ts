import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectProvisioner, type BusConnection } from '@countersign/bus';
import { startNats, type NatsServer } from '@countersign/devstack';

const MAIN = join(import.meta.dirname, '../../dist/provision-bus-main.js');
const LIMIT_MS = 30_000;

let dir: string;
let nats: NatsServer;
let bus: BusConnection;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-provision-'));
  nats = await startNats({ dir, streams: false });
  bus = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
}, LIMIT_MS);
afterAll(async () => {
  await bus.close();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

function provision(change: Readonly<Record<string, string>> = {}, ...args: readonly string[]) {
  const env = { PATH: process.env['PATH'], LEDGER_NATS_URL: nats.url, LEDGER_PROVISIONER_SEED_FILE: nats.users.provisioner, LEDGER_INTAKE_MAX_BYTES: '5000000', ...change };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')));
  return { child, said, ended: once(child, 'close').then(([code]) => code as number | null) };
}

async function maxBytesOf(stream: string): Promise<number | undefined> {
  const { config } = JSON.parse(Buffer.from((await bus.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeoutMs: 5_000 })).data).toString('utf8')) as { config?: { max_bytes: number } };
  return config?.max_bytes;
}

describe('the provisioner of the bus', () => {
  it('makes the streams with their limits, and again does no harm', async () => {
    expect(await maxBytesOf('INTAKE')).toBeUndefined();
    for (const _ of [1, 2]) expect(await provision().ended).toBe(0);
    expect([await maxBytesOf('INTAKE'), await maxBytesOf('WAITING')]).toEqual([5_000_000, 1_073_741_824]);
  }, LIMIT_MS);

  it('that stays makes again what is lost, until it is told to end', async () => {
    const { child, said, ended } = provision({}, '--keep');
    while (!said.join('').includes('as they should be')) await sleep(20);
    await bus.request('$JS.API.STREAM.DELETE.INTAKE', '', { timeoutMs: 5_000 });
    while ((await maxBytesOf('INTAKE')) === undefined) await sleep(50);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  }, LIMIT_MS);

  it.each([
    ['a missing variable', { LEDGER_PROVISIONER_SEED_FILE: '' }, 78, 'LEDGER_PROVISIONER_SEED_FILE'],
    ['the seed of a service', { LEDGER_PROVISIONER_SEED_FILE: 'ledger' }, 1, 'FORBIDDEN'],
  ])('ends by %s and says so', async (_, change, code, words) => {
    const seed = change.LEDGER_PROVISIONER_SEED_FILE === 'ledger' ? nats.users.ledger : undefined;
    const { said, ended } = provision(seed === undefined ? change : { LEDGER_PROVISIONER_SEED_FILE: seed });
    expect(await ended).toBe(code);
    expect(said.join('')).toContain(words);
  }, LIMIT_MS);
});
