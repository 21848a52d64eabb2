import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '@countersign/alerts';

const FAULTS = ['alerts-fired.faults.ts', 'alerts-by-fault.faults.ts', 'alerts-by-lack.faults.ts', 'alerts-of-custody.faults.ts', 'alerts-of-keys.faults.ts', 'alerts-of-certificates.faults.ts'].map((file) => join(import.meta.dirname, 'faults', file));

/** But those that say that something is not told. */
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter((line) => !/\.not\.|NOT_DONE_YET|BY_TREND/.test(line));

describe('alerts', () => {
  it('are each brought about by a real fault', () => {
    const brought = new Set(FAULTS.flatMap((file) => linesOf(file).flatMap((line) => line.match(/Countersign[A-Z]\w+/g) ?? [])));
    const all = ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ name }) => name));
    expect(all.filter((name) => !brought.has(name)).toSorted()).toEqual([]);
  });
});
