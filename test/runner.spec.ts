import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const RUN = join(import.meta.dirname, '..', 'tools', 'run.mjs');

describe('the runner', () => {
  it('explains itself and fails when the command is unknown', () => {
    const result = spawnSync(process.execPath, [RUN, 'dance'], { encoding: 'utf8' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('usage: node tools/run.mjs');
  });
});
