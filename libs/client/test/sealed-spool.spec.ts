import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { CanaryScan, PERSONAL_CANARIES, personalOf } from '@countersign/devstack';
import { describe, expect, it, jest } from '@jest/globals';
import type { EmitInput } from '../src/event-input.js';
import { openEmitter, type EmitterOptions } from '../src/open-emitter.js';
import { readKept } from '../src/spool/read-kept.js';
import { FakeLedger } from './fake-ledger.js';
import { quickOptions, rejection, sampleEvent } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

jest.setTimeout(60_000);

const scan = new CanaryScan(PERSONAL_CANARIES);
const aboutSomebody = (change: Partial<EmitInput> = {}): EmitInput => sampleEvent({ personal: personalOf(0) ?? [], ...change });
const away = (): FakeLedger => Object.assign(new FakeLedger(), { connected: false });

/** What any file of the spool, or beside it, tells. */
async function found(folder: string): Promise<string[]> {
  return (await scan.findIn(path.dirname(folder))).found;
}

async function emitAndLeave(options: EmitterOptions, count: number): Promise<string[]> {
  const emitter = await openEmitter(options);
  const ids: string[] = [];
  for (let at = 0; at < count; at++) ids.push((await emitter.emit(aboutSomebody())).id);
  await emitter.close({ drainTimeoutMs: 0 });
  return ids;
}

async function sent(options: EmitterOptions): Promise<{ ids: string[]; damagedRanges: number }> {
  const ledger = new FakeLedger();
  const emitter = await openEmitter({ ...options, transport: ledger });
  await emitter.flush();
  const { damagedRanges } = emitter.stats();
  await emitter.close();
  return { ids: ledger.recorded.map(({ id }) => id), damagedRanges };
}

/** A frame as versions before the encryption wrote it. */
function clearFrame(kind: 1 | 2, fileNumber: number, payload: string, lastSequence: number): Buffer {
  const bytes = Buffer.alloc(32 + Buffer.byteLength(payload));
  bytes.set([0xff, 0x43, 0x53, 0x45, 1, kind]);
  bytes.writeUInt32LE(fileNumber, 8);
  bytes.writeUInt32LE(bytes.length - 32, 12);
  bytes.writeUInt32LE(kind === 2 ? 1 : 0, 16);
  bytes.writeUInt32LE(lastSequence, 24);
  bytes.write(payload, 32, 'utf8');
  bytes.writeUInt32LE(crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))), 20);
  return bytes;
}

const clearEvent = (id: string, sequence: number): string =>
  `${JSON.stringify({ id, ...aboutSomebody(), source: 'identity', time: '2026-01-01T00:00:00.000Z', severity: 'info', outcome: 'success', producer: { id: 'identity-0011223344556677', sequence } })}\n`;

const ID = (n: number): string => `01890a5d-ac96-774b-bcce-b302099a80${String(n).padStart(2, '0')}`;

/** Two files with three events, one of them damaged, a spare, and what was set aside: all as a former version left it. */
async function clearSpool(): Promise<string> {
  const folder = await temporaryFolder();
  const owner = '{"source":"identity","producerId":"identity-0011223344556677"}';
  const damaged = clearFrame(2, 1, clearEvent(ID(2), 2), 2);
  damaged[100] = (damaged[100] as number) ^ 1;
  const first = [clearFrame(1, 1, owner, 0), clearFrame(2, 1, clearEvent(ID(1), 1), 1), damaged, clearFrame(2, 1, clearEvent(ID(3), 3), 3)];
  const torn = clearFrame(2, 2, clearEvent(ID(5), 5), 5).subarray(0, 90);
  const second = [clearFrame(1, 2, owner, 3), clearFrame(2, 2, clearEvent(ID(4), 4), 4), torn, Buffer.alloc(1000)];
  await writeFile(path.join(folder, '0000000001.seg'), Buffer.concat(first));
  await writeFile(path.join(folder, '0000000002.seg'), Buffer.concat(second));
  await writeFile(path.join(folder, '0000000003.spare'), clearFrame(2, 0, clearEvent(ID(0), 1), 1));
  for (const name of ['refused', 'damaged']) await mkdir(path.join(folder, name));
  await writeFile(path.join(folder, 'refused/refused-000004.jsonl'), `{"refusedAt":"2026-01-01T00:00:00.000Z","refusal":{},"event":${clearEvent(ID(6), 1).trim()}}\n`);
  await writeFile(path.join(folder, 'damaged/0000000000-32.bin'), clearEvent(ID(7), 1));
  return folder;
}

describe('a spool tells nobody anything', () => {
  it('neither while events wait, nor what was refused, nor what was damaged, nor what was cleared', async () => {
    const folder = await temporaryFolder();
    const ledger = new FakeLedger();
    const refused = ID(1);
    ledger.refusing.set(refused, 'EVENT_ID_REUSED');
    const emitter = await openEmitter(quickOptions(folder, ledger));
    for (let at = 0; at < 100; at++) await emitter.emit(aboutSomebody(at === 50 ? { id: refused } : {}));
    await emitter.flush();
    expect(await found(folder)).toEqual([]);
    ledger.connected = false;
    await emitter.emit(aboutSomebody());
    await emitter.emit(aboutSomebody());
    const file = path.join(folder, '0000000001.seg');
    const bytes = await readFile(file);
    const copy = await temporaryFolder();
    await cp(folder, copy, { recursive: true, filter: (source) => !source.endsWith('lock') });
    await cp(`${folder}.key`, `${copy}.key`);
    bytes[200] = (bytes[200] as number) ^ 1;
    await writeFile(path.join(copy, '0000000001.seg'), bytes);
    await emitter.close({ drainTimeoutMs: 0 });
    expect((await sent(quickOptions(copy, ledger))).damagedRanges).toBe(1);
    expect([...(await found(folder)), ...(await found(copy))]).toEqual([]);
    const kept = await readKept(copy);
    expect(kept.map(({ kind }) => kind)).toEqual(['refused', 'damaged']);
    for (const { bytes: told } of kept) expect(scan.find(told as Buffer)).toContain('nationalId');
  });

  it('a spool of a former version is encrypted when it is opened, and loses nothing', async () => {
    const folder = await clearSpool();
    expect(await found(folder)).not.toEqual([]);
    const waiting = await openEmitter(quickOptions(folder, away()));
    expect(waiting.producerId).toBe('identity-0011223344556677');
    expect(waiting.stats()).toMatchObject({ recovered: 3, damagedRanges: 1 });
    expect(await found(folder)).toEqual([]);
    expect((await waiting.emit(aboutSomebody())).sequence).toBe(5);
    await waiting.close({ drainTimeoutMs: 0 });
    const kept = await readKept(folder);
    expect(kept.map(({ kind, file, bytes }) => [kind, file, /80\d\d/.exec(String(bytes))?.[0]])).toEqual([
      ['refused', 'refused/refused-000004.sealed', '8006'],
      ['damaged', 'damaged/0000000000-32.sealed', '8007'],
      ['damaged', expect.stringMatching(/^damaged\/0000000001-\d+\.sealed$/), '8002'],
    ]);
    expect((await sent(quickOptions(folder, away()))).ids).toEqual([ID(1), ID(3), ID(4), expect.any(String)]);
    expect(await found(folder)).toEqual([]);
  });

  it('events in the clear that somebody puts into an encrypted spool are set aside, not sent', async () => {
    const folder = await temporaryFolder();
    const ids = await emitAndLeave(quickOptions(folder, away()), 1);
    await writeFile(path.join(folder, '0000000007.seg'), clearFrame(2, 7, clearEvent(ID(1), 9), 9));
    expect(await sent(quickOptions(folder, away()))).toEqual({ ids, damagedRanges: 1 });
  });
});

describe('the key of a spool', () => {
  it('that is missing, or another one, stops the start; once it is back, everything is sent', async () => {
    const folder = await temporaryFolder();
    const options = quickOptions(folder, away());
    const ids = await emitAndLeave(options, 3);
    const other = await temporaryFolder();
    await emitAndLeave(quickOptions(other, away()), 1);
    const refused = { code: 'SPOOL_KEY_UNUSABLE', field: 'spoolKey' };
    await rename(`${folder}.key`, `${folder}.hidden`);
    expect(await rejection(openEmitter(options))).toMatchObject(refused);
    expect(await rejection(openEmitter({ ...options, spoolKey: { keyFile: `${other}.key` } }))).toMatchObject(refused);
    await rename(`${folder}.hidden`, `${folder}.key`);
    await rename(path.join(folder, 'key.sealed'), `${folder}.sealed`);
    expect(await rejection(openEmitter(options))).toMatchObject(refused);
    expect(await rejection(readKept(folder))).toMatchObject(refused);
    await rename(`${folder}.sealed`, path.join(folder, 'key.sealed'));
    expect(await sent(options)).toEqual({ ids, damagedRanges: 0 });
  });

  it('may lie elsewhere, or come from a passphrase', async () => {
    for (const spoolKey of [{ keyFile: path.join(path.dirname(await temporaryFolder()), 'elsewhere/key') }, { passphrase: 'correct horse battery staple' }]) {
      const folder = await temporaryFolder();
      const options = { ...quickOptions(folder, away()), spoolKey };
      const ids = await emitAndLeave(options, 2);
      expect((await readdir(path.dirname(folder))).filter((name) => name.endsWith('.key'))).toEqual([]);
      expect(await rejection(openEmitter({ ...options, spoolKey: { passphrase: 'wrong' } }))).toMatchObject({ code: 'SPOOL_KEY_UNUSABLE' });
      expect((await sent(options)).ids).toEqual(ids);
    }
  });

  it('that is in memory only leaves a spool that nothing opens', async () => {
    const folder = await temporaryFolder();
    const options: EmitterOptions = { ...quickOptions(folder, away()), spoolKey: 'ephemeral' };
    await emitAndLeave(options, 2);
    expect(await found(folder)).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.includes('key'))).toEqual([]);
    for (const spoolKey of ['ephemeral', undefined] as const) {
      expect(await rejection(openEmitter({ ...quickOptions(folder, away()), ...(spoolKey && { spoolKey }) }))).toMatchObject({ code: 'SPOOL_KEY_UNUSABLE' });
    }
  });

  it('beside a spool that is a volume of its own is refused before anything is promised', async () => {
    const volume = await mkdtemp('/dev/shm/countersign-client-');
    const folder = `${await temporaryFolder()}-linked`;
    await symlink(volume, folder);
    try {
      expect(await rejection(openEmitter(quickOptions(folder, away())))).toMatchObject({ code: 'OPTION_INVALID', field: 'spoolKey' });
      expect(await readdir(volume)).toEqual([]);
      const ids = await emitAndLeave({ ...quickOptions(folder, away()), spoolKey: { keyFile: `${folder}.elsewhere` } }, 1);
      expect(ids).toHaveLength(1);
    } finally {
      await rm(volume, { recursive: true, force: true });
    }
  });
});
