import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openEmitter } from '../src/open-emitter.js';
import { FakeLedger } from './fake-ledger.js';
import { collect, runChild } from './run-child.js';
import { quickOptions, rejection, sampleEvent, until } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

const KILLS = 6;
const BOOT_ID = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();

/** Ids and numbers of the emits that resolved before the process was killed, after at least `enough` of them. */
async function emitUntilKilled(folder: string, concurrency: number, enough: number): Promise<{ id: string; sequence: number }[]> {
  const child = runChild('crash-child.ts', [folder, String(concurrency)]);
  const text = await collect(child, (sofar) => {
    if (sofar.length > enough * 38) child.kill('SIGKILL');
  });
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
  return lines.map((line) => {
    const [id, sequence] = line.split(' ') as [string, string];
    return { id, sequence: Number(sequence) };
  });
}

describe('kill -9 of the producer', () => {
  it('loses no event whose emit resolved and never gives a number twice', async () => {
    const folder = await temporaryFolder();
    const resolved: { id: string; sequence: number }[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      resolved.push(...(await emitUntilKilled(folder, [1, 7, 300][kill % 3] as number, 100 + kill * 150)));
    }
    const ledger = new FakeLedger();
    const emitter = await openEmitter({ ...quickOptions(folder, ledger), spoolBytesMax: 64 * 1024 * 1024 });
    await emitter.flush();
    expect(resolved.length).toBeGreaterThan(1_000);
    const sequenceOf = new Map(ledger.recorded.map(({ id, sequence }) => [id, sequence]));
    for (const { id, sequence } of resolved) expect(sequenceOf.get(id)).toBe(sequence);
    expect(ledger.recorded.map(({ sequence }) => sequence)).toEqual(Array.from({ length: ledger.recorded.length }, (_, at) => at + 1));
    expect((await emitter.emit(sampleEvent())).sequence).toBe(ledger.recorded.length + 1);
    await emitter.close();
  }, 60_000);
});

describe('lock of the spool', () => {
  it('keeps a second emitter out, of this or another process, and is free after kill -9', async () => {
    const folder = await temporaryFolder();
    const child = runChild('crash-child.ts', [folder, '1']);
    let started = false;
    const gone = collect(child, () => (started = true));
    await until('the child emits', () => started);
    expect(await rejection(openEmitter(quickOptions(folder, new FakeLedger())))).toMatchObject({ code: 'SPOOL_LOCKED', field: 'spoolDir' });
    child.kill('SIGKILL');
    await gone;
    const emitter = await openEmitter({ ...quickOptions(folder, new FakeLedger()), spoolBytesMax: 64 * 1024 * 1024 });
    expect(await rejection(openEmitter(quickOptions(folder, new FakeLedger())))).toMatchObject({ code: 'SPOOL_LOCKED' });
    await emitter.close();
    await (await openEmitter(quickOptions(folder, new FakeLedger()))).close();
  }, 60_000);

  const stale: readonly [why: string, holder: object | string][] = [
    ['a pid that now belongs to another process', { pid: process.pid, startedTicks: '1', bootId: BOOT_ID, host: hostname() }],
    ['a pid from before the last boot', { pid: process.pid, startedTicks: 'any', bootId: 'earlier', host: hostname() }],
    ['nonsense', 'nonsense'],
  ];
  it.each(stale)('a lock that names %s is taken over', async (_why, holder) => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'lock'), typeof holder === 'string' ? holder : JSON.stringify(holder));
    const emitter = await openEmitter(quickOptions(folder, new FakeLedger()));
    expect(await readFile(path.join(folder, 'lock'), 'utf8')).toContain(`"pid":${process.pid}`);
    await emitter.close();
    expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual([]);
  });

  it('a fresh lock of another host is respected', async () => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'lock'), JSON.stringify({ pid: 1, startedTicks: '1', bootId: 'x', host: 'elsewhere' }));
    expect(await rejection(openEmitter(quickOptions(folder, new FakeLedger())))).toMatchObject({ code: 'SPOOL_LOCKED' });
  });

  it('of many newcomers exactly one takes over a stale lock', async () => {
    const folder = await temporaryFolder();
    await writeFile(path.join(folder, 'lock'), 'nonsense');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => openEmitter(quickOptions(folder, new FakeLedger()))));
    const winners = tries.filter((one) => one.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    await winners[0]?.value.close();
  });
});
