import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';

const PROGRAM = join(import.meta.dirname, 'crashing-program.ts');
const CANARY = 'pacent-metal-canary'.repeat(2);

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'countersign-crash-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Crashes with core dumps and reports allowed, and returns what was left: by file, and what was printed. */
function crash(guard: 'guarded' | 'hidden' | 'bare', how: 'abort' | 'throw' | 'reject'): { readonly code: number | null; readonly left: Record<string, Buffer> } {
  const node = [process.execPath, '--report-on-fatalerror', '--report-uncaught-exception', `--report-directory=${dir}`, PROGRAM, guard, how];
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0" "$@"', ...node], { cwd: dir, env: { PATH: process.env['PATH'] } });
  const files = readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))] as const);
  return { code: status, left: { ...Object.fromEntries(files), printed: Buffer.concat([stdout, stderr]) } };
}

const holders = (left: Record<string, Buffer>): string[] => Object.keys(left).filter((name) => left[name]!.includes(CANARY));

/** Where the machine sends core dumps elsewhere, this test sees reports and prints only. */
const areCoresHere = (): boolean => !readFileSync('/proc/sys/kernel/core_pattern', 'utf8').startsWith('|');

describe('what a crash leaves', () => {
  it('without the guard: the canary, in a core dump, in a report and in what is printed', () => {
    expect(holders(crash('bare', 'throw').left)).toEqual([expect.stringMatching(/^report\..*\.json$/), 'printed']);
    if (areCoresHere()) expect(holders(crash('bare', 'abort').left)).toEqual(expect.arrayContaining([expect.stringMatching(/^core/)]));
  });

  it.each(['throw', 'reject'] as const)('with it: neither, when it ends by an error nobody caught (%s)', (how) => {
    const { code, left } = crash('guarded', how);
    expect(code).toBe(1);
    expect(Object.keys(left)).toEqual(['printed']);
    expect(JSON.parse(left['printed']!.toString().split('\n')[1]!)).toMatchObject({ level: 'fatal', service: 'crashing', err: { message: 'a row was refused', code: '23514' } });
    expect(holders(left)).toEqual([]);
  });

  it('with it: a core dump without memory, when it is aborted', () => {
    const { left } = crash('guarded', 'abort');
    expect(holders(left)).toEqual([]);
    expect(Object.keys(left).filter((name) => name.startsWith('report'))).toEqual([]);
    if (areCoresHere()) expect(Object.keys(left).filter((name) => name.startsWith('core')).length).toBe(1);
  });

  it('where a process cannot keep out of core dumps it says so, and keeps out of everything else', () => {
    const { code, left } = crash('hidden', 'throw');
    expect(code).toBe(1);
    expect(Object.keys(left)).toEqual(['printed']);
    const [first] = left['printed']!.toString().split('\n');
    expect(JSON.parse(first!)).toMatchObject({ level: 'warn', code: 'CORE_DUMPS_UNGUARDED', reason: 'ENOENT' });
    expect(holders(left)).toEqual([]);
  });
});

describe('options of Node that write memory to a file', () => {
  it.each([['--heapsnapshot-signal=SIGUSR2'], ['--heapsnapshot-near-heap-limit=2'], ['--heap-prof'], ['--heap_prof_dir=/tmp'], ['--heapsnapshot_signal=SIGUSR2']])('%s is refused: MEMORY_EXPOSED', (option) => {
    const start = (): void => keepMemoryPrivate({ log: { fatal: () => undefined, warn: () => undefined }, nodeArguments: ['--max-old-space-size=512', option] });
    expect(start).toThrow(MemoryExposedError);
    expect(start).toThrow(expect.objectContaining({ code: 'MEMORY_EXPOSED' }));
  });
});
