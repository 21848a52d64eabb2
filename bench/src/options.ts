import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const PHASES = ['append', 'latency', 'verify', 'proof'] as const;
export type Phase = (typeof PHASES)[number];

/** How much is measured. Counts are events, times are seconds. */
export interface Scale {
  readonly warmUpEvents: number;
  readonly rounds: number;
  readonly plainSeconds: number;
  readonly copyRows: number;
  readonly streamEvents: number;
  readonly pacedPerSecond: number;
  readonly pacedWarmUpSeconds: number;
  readonly pacedSeconds: number;
  readonly availabilitySeconds: number;
  readonly verifyPasses: number;
  readonly proofs: number;
}

/** What every run of measurements is told. */
export interface RunOptions {
  readonly jsonFile: string | undefined;
  readonly isRecorded: boolean;
  /** Arguments of Node for what is measured, such as `--cpu-prof`. */
  readonly nodeArgs: readonly string[];
  /** Where the measured service's log is kept; it is deleted with everything else when undefined. */
  readonly logFile: string | undefined;
}

export interface BenchOptions extends RunOptions {
  readonly phases: ReadonlySet<Phase>;
  readonly scale: Scale;
  readonly isQuick: boolean;
}

const FULL: Scale = {
  warmUpEvents: 1_000_000,
  rounds: 3,
  plainSeconds: 8,
  copyRows: 100_000,
  streamEvents: 300_000,
  pacedPerSecond: 1_000,
  pacedWarmUpSeconds: 4,
  pacedSeconds: 20,
  availabilitySeconds: 10,
  verifyPasses: 5,
  proofs: 2_000,
};

const QUICK: Scale = {
  ...FULL,
  warmUpEvents: 30_000,
  rounds: 1,
  plainSeconds: 3,
  copyRows: 40_000,
  streamEvents: 100_000,
  pacedWarmUpSeconds: 2,
  pacedSeconds: 5,
  availabilitySeconds: 4,
  verifyPasses: 1,
  proofs: 500,
};

export const USAGE = `usage: npm run bench -- [keys] [--quick] [--only ${PHASES.join(',')}] [--json FILE] [--no-record] [--node-args=ARGS] [--log FILE]
  keys          measure the keys instead; it has --quick, --json, --no-record, --node-args and --log too
  --quick       a minute instead of five; figures are rougher and are not recorded
  --only LIST   some of the measurements, separated by commas; not recorded
  --json FILE   write the figures under their stable names
  --no-record   leave docs/benchmarks.md as it is
  --node-args=… for the Node of ledger and producer, such as "--cpu-prof --cpu-prof-dir=/tmp/profiles"; not recorded
  --log FILE    keep the ledger's log`;

/** Reads the command line. Throws TypeError for what it does not know. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'string' },
      'no-record': { type: 'boolean', default: false },
      'node-args': { type: 'string' },
      log: { type: 'string' },
    },
  });
  const phases = values.only === undefined ? PHASES : values.only.split(',').map(phaseOf);
  const isWhole = !values.quick && values.only === undefined && values['node-args'] === undefined;
  return {
    phases: new Set(phases),
    scale: values.quick ? QUICK : FULL,
    isQuick: values.quick,
    jsonFile: values.json,
    isRecorded: isWhole && !values['no-record'],
    nodeArgs: values['node-args']?.split(/\s+/).filter((word) => word !== '') ?? [],
    logFile: values.log === undefined ? undefined : resolve(values.log),
  };
}

function phaseOf(name: string): Phase {
  const phase = PHASES.find((known) => known === name);
  if (phase === undefined) throw new TypeError(`--only takes ${PHASES.join(', ')}, not ${name}`);
  return phase;
}
