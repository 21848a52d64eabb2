import { describe, expect, it } from '@jest/globals';
import { identityTable } from '../src/identity/figures.js';
import { readIdentityOptions } from '../src/identity/options.js';
import { decisionNs, permissionCheckNs } from '../src/identity/permission-checks.js';

describe('the command line after identity', () => {
  it('records a full run, and neither a quick one nor one that was asked not to', () => {
    expect(readIdentityOptions([]).isRecorded).toBe(true);
    expect(readIdentityOptions(['--quick']).isRecorded).toBe(false);
    expect(readIdentityOptions(['--no-record', '--json', 'f.json'])).toMatchObject({ isRecorded: false, jsonFile: 'f.json' });
    expect(() => readIdentityOptions(['--quik'])).toThrow(expect.objectContaining({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' }));
  });
});

describe('the table of identity', () => {
  it('judges by the targets', () => {
    const verdicts = identityTable({ permission_check_ns: 20, decision_ns: 10_001, sign_in_vs_bare: 0.85, event_loop_delay_p99_ms: 20.1 })
      .split('\n')
      .slice(2)
      .map((line) => line.split('|').at(-2)?.trim());
    expect(verdicts).toEqual(['PASS', 'MISS', 'PASS', 'MISS']);
  });
});

describe('a check of permissions', () => {
  it('takes less than ten microseconds, also on a busy machine', async () => {
    expect(await permissionCheckNs(0.05)).toBeLessThan(10_000);
    expect(await decisionNs(0.05)).toBeLessThan(10_000);
  });
});
