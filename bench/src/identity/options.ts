import { parseArgs } from 'node:util';
import type { RunOptions } from '../options.js';

/** How much is measured. */
export interface IdentityScale {
  readonly rounds: number;
  /** Of permission checks and of decisions, in each round. */
  readonly checkSeconds: number;
  /** Verified, and derived bare, in each round. */
  readonly passwords: number;
  /** Sessions ended. */
  readonly revocations: number;
  /** Over HTTPS, in each round. */
  readonly signIns: number;
}

export interface IdentityOptions extends RunOptions {
  readonly scale: IdentityScale;
}

const FULL: IdentityScale = { rounds: 3, checkSeconds: 1, passwords: 60, revocations: 300, signIns: 80 };
const QUICK: IdentityScale = { rounds: 2, checkSeconds: 1, passwords: 30, revocations: 30, signIns: 20 };

export const IDENTITY_USAGE = `usage: npm run bench -- identity [--quick] [--json FILE] [--no-record]
  --quick       about a minute; figures are rougher and are not recorded
  --json FILE   write the figures under their stable names
  --no-record   leave docs/benchmarks.md as it is`;

/** Reads the command line after `identity`. Throws TypeError for what it does not know. */
export function readIdentityOptions(args: readonly string[]): IdentityOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, 'no-record': { type: 'boolean', default: false } },
  });
  return {
    scale: values.quick ? QUICK : FULL,
    jsonFile: values.json,
    isRecorded: !values.quick && !values['no-record'],
    nodeArgs: [],
    logFile: undefined,
  };
}
