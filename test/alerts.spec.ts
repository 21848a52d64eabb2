import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '@countersign/alerts';

const FAULTS = ['alerts-fired.faults.ts', 'alerts-by-fault.faults.ts', 'alerts-by-lack.faults.ts', 'alerts-of-custody.faults.ts', 'alerts-of-keys.faults.ts'].map((file) => join(import.meta.dirname, 'faults', file));

/** Which no fault of `npm run test:faults` brings about yet, and what it would take. Each has its firing and its silent case for promtool all the same. */
const NOT_YET: Readonly<Record<string, string>> = {
  CountersignBusCertificateEndsSoon: 'a bus with a certificate of some days',
  CountersignBusCertificateEnds: 'a bus with a certificate of one day',
};

/** But those that say that something is not told. */
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter((line) => !/\.not\.|NOT_DONE_YET|BY_TREND/.test(line));

describe('alerts', () => {
  it('are each brought about by a real fault, but for those that are listed', () => {
    const brought = new Set(FAULTS.flatMap((file) => linesOf(file).flatMap((line) => line.match(/Countersign[A-Z]\w+/g) ?? [])));
    const all = ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ name }) => name));
    expect(all.filter((name) => !brought.has(name)).toSorted()).toEqual(Object.keys(NOT_YET).toSorted());
  });
});
