import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { FAULT_CODES } from '../src/index.js';

const SPEC = readFileSync(join(import.meta.dirname, '../../../docs/spec/ledger-format.md'), 'utf8');
const TABLE = SPEC.slice(SPEC.indexOf('## Fault codes'));

describe('docs/spec/ledger-format.md', () => {
  it('explains every fault code, and none that there is not', () => {
    const rows = TABLE.split('\n').filter((line) => line.startsWith('| `'));
    const documented = rows.flatMap((line) => line.split('|')[1]!.match(/[A-Z][A-Z_]+/g) ?? []);
    expect(documented.sort()).toEqual([...FAULT_CODES].sort());
  });
});
