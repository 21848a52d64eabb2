import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { settled, startStand, type Stand } from './stand.js';

const ID_LINE_CHARS = 37;
const HOOKS = join(import.meta.dirname, '../../../tools/resolve-source.mjs');

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
}, 60_000);
afterAll(async () => stand.stop());

/** Ids of the appends that resolved before the process was killed, after at least `enough` of them. */
async function appendUntilKilled(writers: number, enough: number): Promise<string[]> {
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  const { url, users } = stand.stack.nats;
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--conditions=@countersign/source', '--import', HOOKS];
  const args = [...flags, join(import.meta.dirname, 'crash-child.ts'), stand.serviceUrl, url, users.services, String(writers)];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.length > enough * ID_LINE_CHARS) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text.slice(0, text.lastIndexOf('\n')).split('\n');
}

describe('kill -9 of a service', () => {
  it('between commit and relay, and anywhere else, loses no event and records none twice', async () => {
    const resolved = await appendUntilKilled(4, 60);
    // Nothing was relayed so far: all of these lay between commit and relay.
    expect(stand.book.recorded).toEqual([]);
    await stand.startLedger();
    for (let kill = 0; kill < 4; kill++) resolved.push(...(await appendUntilKilled([1, 16][kill % 2] as number, 40 + kill * 60)));
    const store = stand.open();
    await settled(store);
    expect(await store.ledger.refusals()).toEqual([]);
    const { rows } = await stand.owner.query<{ event_id: string }>('SELECT event_id FROM doors.events');
    const ids = stand.book.recorded.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(rows.map(({ event_id }) => event_id).toSorted());
    expect(resolved.filter((id) => !ids.includes(id))).toEqual([]);
    expect(resolved.length).toBeGreaterThan(500);
    // Every number once: what the ledger reports as a gap would be a loss.
    expect(stand.book.recorded.map(({ sequence }) => sequence as number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: ids.length }, (_, at) => at + 1));
  }, 120_000);
});
