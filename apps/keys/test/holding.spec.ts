import { describe, expect, it } from '@jest/globals';
import { provenRemaining, type Holding } from '../src/domain/holding.js';

const SETTLED = 1_000;
const of = (service: string, remaining?: number, scannedAtMs?: number): Holding => ({ service, remaining, scannedAtMs });

describe('what is left under a version', () => {
  const cases: readonly [string, readonly Holding[], number | undefined][] = [
    ['nothing, when nobody was handed it', [], 0],
    ['nothing, when every holder has looked after the last lease had ended', [of('identity', 0, SETTLED), of('ledger', 0, SETTLED + 5)], 0],
    ['not known, while one holder has never looked', [of('identity', 0, SETTLED), of('ledger')], undefined],
    ['not known, while one holder looked when a lease could still encrypt', [of('identity', 0, SETTLED), of('ledger', 0, SETTLED - 1)], undefined],
    ['what was found, even too early', [of('identity', 3, 1), of('ledger')], 3],
    ['the sum of what was found', [of('identity', 3, SETTLED), of('ledger', 4, SETTLED)], 7],
  ];
  it.each(cases)('is %s', (_what, holdings, expected) => {
    expect(provenRemaining(holdings, SETTLED)).toBe(expected);
  });
});
