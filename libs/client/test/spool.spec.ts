import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { openEmitter } from '../src/open-emitter.js';
import { scanFrames } from '../src/spool/frame.js';
import { readKept } from '../src/spool/read-kept.js';
import { FakeLedger } from './fake-ledger.js';
import { quickOptions, rejection, sampleEvent } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

// A busy machine syncs slowly.
jest.setTimeout(60_000);

/** A spool as it lies on disk after `groups` commits of one event each, as a crash would leave it. */
async function crashedSpool(groups: number): Promise<{ folder: string; file: string; ids: string[] }> {
  const source = await temporaryFolder();
  const away = new FakeLedger();
  away.connected = false;
  const emitter = await openEmitter(quickOptions(source, away));
  const ids: string[] = [];
  for (let at = 0; at < groups; at++) ids.push((await emitter.emit(sampleEvent())).id);
  const folder = await temporaryFolder();
  for (const name of await readdir(source)) {
    if (name.endsWith('.seg') || name === 'key.sealed') await copyFile(path.join(source, name), path.join(folder, name));
  }
  await copyFile(`${source}.key`, `${folder}.key`);
  await emitter.close({ drainTimeoutMs: 0 });
  return { folder, file: '0000000001.seg', ids };
}

async function recovered(folder: string): Promise<{ ids: string[]; nextSequence: number; damagedRanges: number }> {
  const ledger = new FakeLedger();
  const emitter = await openEmitter(quickOptions(folder, ledger));
  await emitter.flush();
  const ids = ledger.recorded.map(({ id }) => id);
  const { damagedRanges } = emitter.stats();
  const { sequence } = await emitter.emit(sampleEvent());
  await emitter.close();
  return { ids, nextSequence: sequence ?? 0, damagedRanges };
}

/** Where the frames of the file start and where the last one ends. */
function frameStarts(bytes: Buffer): number[] {
  const { frames, end } = scanFrames(bytes, 1);
  return [...frames.map(({ start }) => start), end];
}

describe('the files of a spool', () => {
  it('are for their owner alone', async () => {
    const folder = path.join(await temporaryFolder(), 'spool');
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter(quickOptions(folder, ledger));
    await emitter.emit(sampleEvent());
    const modes = async (): Promise<[string, number][]> =>
      Promise.all((await readdir(folder)).filter((name) => name.endsWith('.seg') || name === 'refused').map(async (name) => [name, (await stat(path.join(folder, name))).mode & 0o777] as [string, number]));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(Object.fromEntries(await modes())).toMatchObject({ refused: 0o700, '0000000001.seg': 0o600 });
    expect((await stat(`${folder}.key`)).mode & 0o777).toBe(0o600);
    await emitter.close({ drainTimeoutMs: 0 });
  });
});

describe('spool after a crash', () => {
  it('a commit torn at any byte is as if it never was, and its number is given again', async () => {
    const { folder, file, ids } = await crashedSpool(3);
    const bytes = await readFile(path.join(folder, file));
    const [from, to] = frameStarts(bytes).slice(-2) as [number, number];
    for (let cut = from; cut < to; cut += cut < from + 5 || cut > to - 3 ? 1 : 17) {
      const copy = path.join(folder, `cut-${cut}`);
      await mkdir(copy);
      await copyFile(path.join(folder, 'key.sealed'), path.join(copy, 'key.sealed'));
      await copyFile(`${folder}.key`, `${copy}.key`);
      await writeFile(path.join(copy, file), Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(bytes.length - cut)]));
      expect(await recovered(copy)).toEqual({ ids: ids.slice(0, 2), nextSequence: 3, damagedRanges: 0 });
    }
  });

  it('damage in the middle is reported and set aside, and later events still arrive', async () => {
    const { folder, file, ids } = await crashedSpool(3);
    const bytes = await readFile(path.join(folder, file));
    const start = frameStarts(bytes)[2] as number;
    const at = start + 90;
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(path.join(folder, file), bytes);
    expect(await recovered(folder)).toEqual({ ids: [ids[0], ids[2]], nextSequence: 4, damagedRanges: 1 });
    const [aside] = await readKept(folder);
    expect(aside).toMatchObject({ kind: 'damaged', file: `damaged/0000000001-${start}.sealed` });
    expect(aside?.bytes?.toString('latin1')).toContain(ids[1]);
  });

  it('a damaged header does not hide the events after it', async () => {
    const { folder, file, ids } = await crashedSpool(2);
    const bytes = await readFile(path.join(folder, file));
    bytes[80] = (bytes[80] as number) ^ 1;
    await writeFile(path.join(folder, file), bytes);
    expect(await recovered(folder)).toEqual({ ids, nextSequence: 3, damagedRanges: 1 });
  });

  it('a crash during recovery changes nothing', async () => {
    const { folder, ids } = await crashedSpool(3);
    for (let crash = 0; crash < 3; crash++) {
      const away = new FakeLedger();
      away.connected = false;
      const emitter = await openEmitter(quickOptions(folder, away));
      expect(emitter.stats().recovered).toBe(3);
      await emitter.close({ drainTimeoutMs: 0 });
    }
    expect(await recovered(folder)).toEqual({ ids, nextSequence: 4, damagedRanges: 0 });
  });

  it('numbers go on after all events are gone, through many files and restarts', async () => {
    const folder = await temporaryFolder();
    let expected = 1;
    for (let start = 0; start < 4; start++) {
      const emitter = await openEmitter(quickOptions(folder, new FakeLedger()));
      for (let at = 0; at < 60; at++) {
        expect((await emitter.emit(sampleEvent({ data: { text: 'x'.repeat(9_000) } }))).sequence).toBe(expected++);
      }
      await emitter.flush();
      await emitter.close();
      expect((await readdir(folder)).filter((name) => name.endsWith('.seg'))).toHaveLength(1);
    }
  });

  it('reads events back from disk that do not fit into memory', async () => {
    const folder = await temporaryFolder();
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter({ ...quickOptions(folder, ledger), residentBytesMax: 0 });
    const emitted = await Promise.all(Array.from({ length: 300 }, (_, at) => emitter.emit(sampleEvent({ tenant: `t${at % 7}`, data: { text: 'é'.repeat(at) } }))));
    ledger.reconnect();
    await emitter.flush();
    expect(ledger.recorded.map(({ id }) => id).sort()).toEqual(emitted.map(({ id }) => id).sort());
    expect(emitter.stats().unreadable).toBe(0);
    await emitter.close();
  });

  it('an event that was destroyed on disk is reported and does not stop the others', async () => {
    const folder = await temporaryFolder();
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter({ ...quickOptions(folder, ledger), residentBytesMax: 0 });
    await emitter.emit(sampleEvent());
    await emitter.emit(sampleEvent());
    const file = path.join(folder, '0000000001.seg');
    const bytes = await readFile(file);
    const destroyed = frameStarts(bytes)[1] as number;
    bytes.fill(0x20, destroyed + 100, destroyed + 136);
    await writeFile(file, bytes, { flag: 'r+' });
    ledger.reconnect();
    await emitter.flush();
    expect(emitter.stats()).toMatchObject({ unreadable: 1, receipted: 1, pending: 0 });
    await emitter.close();
  });

  it('when the disk fails, emits are rejected, their numbers are given again, and nothing of them is ever sent', async () => {
    const folder = await temporaryFolder();
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(folder, ledger));
    const event = sampleEvent({ data: { text: 'x'.repeat(60_000) } });
    await emitter.emit(sampleEvent());
    const hidden = `${folder}-hidden`;
    await rename(folder, hidden);
    // More than the segment in use and the one that was made ahead can hold: a third one cannot be made.
    const results = await Promise.allSettled(Array.from({ length: 24 }, () => emitter.emit(event)));
    const accepted = results.filter(({ status }) => status === 'fulfilled').length;
    expect(results.map((result) => (result.status === 'rejected' ? (result.reason as { code: string }).code : 'ok'))).toContain('SPOOL_FAILED');
    await rename(hidden, folder);
    expect((await emitter.emit(sampleEvent())).sequence).toBe(accepted + 2);
    await emitter.flush();
    await emitter.close();
    expect(ledger.recorded.map(({ sequence }) => sequence)).toEqual(Array.from({ length: accepted + 2 }, (_, at) => at + 1));
    await rm(hidden, { recursive: true, force: true });
  });

  it('belongs to one source and one producer', async () => {
    const folder = await temporaryFolder();
    await (await openEmitter({ ...quickOptions(folder, new FakeLedger()), producerId: 'identity-1' })).close();
    const options = quickOptions(folder, new FakeLedger());
    expect(await rejection(openEmitter({ ...options, source: 'keys' }))).toMatchObject({ code: 'SPOOL_FOREIGN', field: 'source' });
    expect(await rejection(openEmitter({ ...options, producerId: 'identity-2' }))).toMatchObject({ code: 'SPOOL_FOREIGN', field: 'producerId' });
    const emitter = await openEmitter(options);
    expect(emitter.producerId).toBe('identity-1');
    await emitter.close();
  });
});
