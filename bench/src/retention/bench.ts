import { parseArgs } from 'node:util';
import { quantile } from '../quantile.js';
import { atMost, table, type Row } from '../table.js';
import type { RunOptions } from '../options.js';
import { judge, type RulesScale, type Spread } from './rules.js';

const FULL: RulesScale = { rounds: 3, resources: 1_000_000, policies: 1_000, holds: 1_000 };
const QUICK: RulesScale = { rounds: 1, resources: 100_000, policies: 1_000, holds: 1_000 };

export const RULES_USAGE = `usage: npm run bench -- retention-rules [--quick] [--json FILE] [--no-record]
  --quick       a tenth of the resources; figures are rougher and are not recorded
  --json FILE   write the figures under their stable names
  --no-record   leave docs/benchmarks.md as it is`;

/** The figures of the rules, under names that never change. */
export interface RulesFigures {
  /** All resources, in one thread. */
  rules_judged_s?: number;
  /** The same where every policy and every hold may speak of every resource. */
  rules_judged_crowded_s?: number;
  rules_memory_mib?: number;
}

const ROWS: readonly Row<keyof RulesFigures>[] = [
  { name: 'rules_judged_s', what: '1,000,000 resources under 1,000 policies and 1,000 holds, one thread', unit: 's', digits: 1, target: atMost(60, '≤ 60 s') },
  { name: 'rules_judged_crowded_s', what: 'the same, all of one organisation, every hold a query', unit: 's', digits: 1, target: atMost(60, '≤ 60 s') },
  { name: 'rules_memory_mib', what: 'memory meanwhile, above that before', unit: 'MiB', digits: 0, target: atMost(256, '≤ 256 MiB') },
];

export interface RulesOptions extends Pick<RunOptions, 'jsonFile' | 'isRecorded'> {
  readonly scale: RulesScale;
}

/** Reads the command line after `retention-rules`. Throws TypeError for what it does not know. */
export function readRulesOptions(args: readonly string[]): RulesOptions {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, 'no-record': { type: 'boolean', default: false } } });
  return { scale: values.quick ? QUICK : FULL, jsonFile: values.json, isRecorded: !values.quick && !values['no-record'] };
}

/** Nothing but this process is needed: no disk, no network. */
export function measureRules(scale: RulesScale, say: (line: string) => void): { readonly figures: RulesFigures; readonly table: string; readonly rounds: readonly string[] } {
  const rounds: string[] = [];
  const took: Record<Spread, number[]> = { many: [], one: [] };
  let memoryMiB = 0;
  for (let round = 1; round <= scale.rounds; round += 1) {
    for (const spread of ['many', 'one'] as const) {
      const found = judge(scale, spread);
      took[spread].push(found.seconds);
      memoryMiB = Math.max(memoryMiB, found.memoryMiB);
      const verdicts = [...found.verdicts].map(([verdict, count]) => `${count.toLocaleString('en')} ${verdict}`).join(', ');
      rounds.push(`round ${round}, ${spread === 'one' ? 'one organisation' : 'twenty organisations'}: ${found.seconds.toFixed(2)} s, ${verdicts}`);
      say(rounds.at(-1)!);
    }
  }
  // A quick run judges fewer, and is told by the million as well.
  const scaled = FULL.resources / scale.resources;
  const figures = { rules_judged_s: quantile(took.many, 0.5) * scaled, rules_judged_crowded_s: quantile(took.one, 0.5) * scaled, rules_memory_mib: memoryMiB };
  return { figures, table: table(ROWS, figures), rounds };
}
