import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { gracefulShutdown, loopDelayMonitor, writeFileDurably, type Shutdown, type ShutdownStep } from '@countersign/runtime';

const QUIET = { info: () => undefined, error: () => undefined };

// Jest gives tests a copy of `process` that no signal reaches: here it is emitted, the e2e suite sends a real one.
describe('a graceful shutdown', () => {
  let shutdown: Shutdown | undefined;
  let done: string[] = [];
  const exits: number[] = [];
  const step = (name: string, run: () => Promise<void> | void = () => undefined): ShutdownStep => ({
    name,
    run: async () => {
      await run();
      done.push(name);
    },
  });
  const begin = (steps: ShutdownStep[], timeoutMs = 5_000): Shutdown => (shutdown = gracefulShutdown({ log: QUIET, timeoutMs, steps, signals: ['SIGUSR2'], exit: (code) => exits.push(code) }));

  beforeEach(() => {
    done = [];
    exits.length = 0;
  });
  afterEach(() => shutdown?.dispose());

  it('runs the steps one after the other, in order, when a signal comes', async () => {
    begin([step('intake', () => sleep(30)), step('bus', () => sleep(5)), step('database')]);
    process.emit('SIGUSR2', 'SIGUSR2');
    while (exits.length === 0) await sleep(5);
    expect([done, exits]).toEqual([['intake', 'bus', 'database'], [0]]);
  });

  it('happens once, however many signals come', async () => {
    const started = begin([step('only', () => sleep(40))]);
    process.emit('SIGUSR2', 'SIGUSR2');
    process.emit('SIGUSR2', 'SIGUSR2');
    await started.begin('a third time');
    await started.begin('a fourth time');
    expect([done, exits]).toEqual([['only'], [0]]);
  });

  it('goes on after a step that fails, and says so by its exit code', async () => {
    const failing = { name: 'bad', run: () => Promise.reject(new Error('no')) };
    const throwing = { name: 'worse', run: () => { throw new Error('no'); } };
    expect(await begin([failing, throwing, step('database')]).begin('test')).toBe(1);
    expect([done, exits]).toEqual([['database'], [1]]);
  });

  it('ends after its time whatever hangs', async () => {
    const hanging = { name: 'hangs', run: () => new Promise<void>(() => undefined) };
    const before = performance.now();
    expect(await begin([hanging, step('never')], 80).begin('test')).toBe(1);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect([done, exits]).toEqual([[], [1]]);
  });

  it('listens no more after it was disposed of', () => {
    const before = process.listenerCount('SIGUSR2');
    begin([]).dispose();
    expect(process.listenerCount('SIGUSR2')).toBe(before);
  });
});

describe('writing a file durably', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'countersign-file-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('replaces the content and leaves nothing else behind', async () => {
    const path = join(dir, 'checkpoint');
    await writeFileDurably(path, 'one');
    await writeFileDurably(path, Buffer.from('two'));
    expect([await readFile(path, 'utf8'), await readdir(dir)]).toEqual(['two', ['checkpoint']]);
  });

  it('sets the mode whatever the umask, 0600 unless told otherwise', async () => {
    const umask = process.umask(0o077);
    await writeFileDurably(join(dir, 'secret'), 'x');
    await writeFileDurably(join(dir, 'public'), 'x', 0o644);
    process.umask(umask);
    const modes = await Promise.all(['secret', 'public'].map(async (name) => (await stat(join(dir, name))).mode & 0o777));
    expect(modes).toEqual([0o600, 0o644]);
  });

  it('keeps the old file when it cannot finish', async () => {
    await writeFile(join(dir, 'file'), 'old');
    await expect(writeFileDurably(join(dir, 'file', 'below'), 'new')).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(writeFileDurably(dir, 'new')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readFile(join(dir, 'file'), 'utf8')).toBe('old');
    expect(await readdir(tmpdir())).not.toContainEqual(expect.stringContaining(`${dir.split('/').at(-1) ?? ''}.`));
  });

  it('takes writers at the same time: one of them wins, whole', async () => {
    const path = join(dir, 'file');
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(texts.map((text) => writeFileDurably(path, text)));
    expect(texts).toContain(await readFile(path, 'utf8'));
    expect(await readdir(dir)).toEqual(['file']);
  });
});

describe('the event loop delay', () => {
  it('is as long as the loop was blocked, and starts anew after a reset', async () => {
    const monitor = loopDelayMonitor();
    await sleep(20);
    const until = performance.now() + 120;
    while (performance.now() < until);
    await sleep(20);
    const blocked = monitor.maxMs();
    const worked = monitor.workMaxMs();
    monitor.reset();
    await sleep(20);
    const quiet = monitor.maxMs();
    const idle = monitor.workMaxMs();
    monitor.stop();
    expect(blocked).toBeGreaterThanOrEqual(118);
    expect(blocked).toBeLessThan(400);
    expect(quiet).toBeLessThan(blocked);
    // The loop above spins: on a busy machine others take a part of its time.
    expect(worked).toBeGreaterThan(20);
    expect(worked).toBeLessThanOrEqual(blocked + 5);
    expect(idle).toBeLessThan(worked);
  });
});
