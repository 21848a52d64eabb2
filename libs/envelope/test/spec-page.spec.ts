import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ENVELOPE_FAULT_CODES, FIELD_BYTES_MAX, FIELD_TEXT_CHARACTERS_MAX, KEY_USES_MAX, NAME_BYTES_MAX, ROW_BYTES_MAX, WRAPPED_KEY_BYTES_MAX } from '../src/index.js';

const SPEC = readFileSync(join(import.meta.dirname, '../../../docs/spec/envelope.md'), 'utf8');

describe('docs/spec/envelope.md', () => {
  it('explains every fault code, and none that there is not', () => {
    const rows = SPEC.slice(SPEC.indexOf('## Fault codes')).split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((line) => line.split('`')[1]!).sort()).toEqual([...ENVELOPE_FAULT_CODES].sort());
  });

  it('states the limits as they are', () => {
    for (const limit of [FIELD_BYTES_MAX, FIELD_TEXT_CHARACTERS_MAX, NAME_BYTES_MAX, ROW_BYTES_MAX, WRAPPED_KEY_BYTES_MAX]) {
      expect(SPEC).toContain(limit.toLocaleString('en-US'));
    }
    expect([KEY_USES_MAX, SPEC.includes('2^32-1')]).toEqual([2 ** 32 - 1, true]);
  });
});
