import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { allocatorEnv, programEnv } from '../src/index.js';

const MAPPED = "process.stdout.write(require('node:fs').readFileSync('/proc/self/maps', 'utf8'))";

describe('the allocator', () => {
  it('serves whatever is started as a service, where it is there', () => {
    const { LD_PRELOAD: library } = allocatorEnv();
    const maps = process.platform === 'linux' ? execFileSync(process.execPath, ['-e', MAPPED], { env: programEnv(), encoding: 'utf8' }) : '';
    expect(maps.includes('libjemalloc')).toBe(library !== undefined);
    if (library !== undefined) expect(maps).toContain(library);
  });
});
