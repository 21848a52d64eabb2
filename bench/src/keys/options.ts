import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { RunOptions } from '../options.js';

/** How much is measured. */
export interface KeysScale {
  readonly rounds: number;
  /** Of each kind of encryption in each round. */
  readonly sealSeconds: number;
  readonly dataKeys: number;
  /** At least the subjects that are sealed for; a multiple of what one request takes. */
  readonly subjects: number;
  readonly checkpoints: number;
  /** With a personal part, in each round of each way to keep it. */
  readonly events: number;
  /** Rows under a data key that is rotated. */
  readonly rotatedRows: number;
}

export interface KeysOptions extends RunOptions {
  readonly scale: KeysScale;
}

const FULL: KeysScale = { rounds: 3, sealSeconds: 5, dataKeys: 3_000, subjects: 50_000, checkpoints: 1_000, events: 200_000, rotatedRows: 50_000 };
const QUICK: KeysScale = { rounds: 1, sealSeconds: 2, dataKeys: 500, subjects: 10_000, checkpoints: 200, events: 40_000, rotatedRows: 10_000 };

export const KEYS_USAGE = `usage: npm run bench -- keys [--quick] [--json FILE] [--no-record] [--node-args=ARGS] [--log FILE]
  --quick       less than a minute; figures are rougher and are not recorded
  --json FILE   write the figures under their stable names
  --no-record   leave docs/benchmarks.md as it is
  --node-args=… for the Node of the services, such as "--cpu-prof --cpu-prof-dir=/tmp/profiles"; not recorded
  --log FILE    keep the key service's log`;

/** Reads the command line after `keys`. Throws TypeError for what it does not know. */
export function readKeysOptions(args: readonly string[]): KeysOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      'no-record': { type: 'boolean', default: false },
      'node-args': { type: 'string' },
      log: { type: 'string' },
    },
  });
  return {
    scale: values.quick ? QUICK : FULL,
    jsonFile: values.json,
    isRecorded: !values.quick && !values['no-record'] && values['node-args'] === undefined,
    nodeArgs: values['node-args']?.split(/\s+/).filter((word) => word !== '') ?? [],
    logFile: values.log === undefined ? undefined : resolve(values.log),
  };
}
