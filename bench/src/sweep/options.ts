import { parseArgs } from 'node:util';
import type { RunOptions } from '../options.js';

/** How much is swept. */
export interface SweepScale {
  /** Events with two parts each, data and somebody's own. */
  readonly events: number;
  /** Of one measurement of appends. */
  readonly burstEvents: number;
  /** Measurements before the sweep; during it twice as many. */
  readonly rounds: number;
  /** Between two of them during the sweep. */
  readonly pauseSeconds: number;
  /** Proofs taken before the sweep, which must hold after it. */
  readonly proofs: number;
}

export interface SweepOptions extends RunOptions {
  readonly scale: SweepScale;
}

const FULL: SweepScale = { events: 500_000, burstEvents: 8_000, rounds: 4, pauseSeconds: 3, proofs: 200 };
const QUICK: SweepScale = { events: 50_000, burstEvents: 2_000, rounds: 2, pauseSeconds: 1, proofs: 50 };

export const SWEEP_USAGE = `usage: npm run bench -- sweep [--quick] [--json FILE] [--no-record]
  --quick       a tenth of the parts; figures are rougher and are not recorded
  --json FILE   write the figures under their stable names
  --no-record   leave docs/benchmarks.md as it is`;

/** Reads the command line after `sweep`. Throws TypeError for what it does not know. */
export function readSweepOptions(args: readonly string[]): SweepOptions {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, 'no-record': { type: 'boolean', default: false } } });
  return { scale: values.quick ? QUICK : FULL, jsonFile: values.json, isRecorded: !values.quick && !values['no-record'], nodeArgs: [], logFile: undefined };
}
