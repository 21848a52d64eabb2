import { Command } from 'commander';
import type { DryRunPart } from '@countersign/contracts';
import { added, dryRunLines, type DryRunSum } from '../dry-run-sum.js';
import { asSomebody, type Asking } from '../edge-session.js';
import { usageError } from '../exit-code.js';
import { run, withExamples } from '../io.js';
import type { Ended, Io } from '../io.js';
import { asked, placeOf, type RetentionOptions } from '../retention-place.js';

interface DryRunOptions extends RetentionOptions {
  readonly policy?: string;
  readonly rule?: string;
  readonly proposal?: string;
}

/** Parts, each of up to 20,000 resources: a holder that never ends is at fault. */
const PARTS_MAX = 10_000;

export function dryRunCommand(io: Io, ended: Ended): Command {
  const command = new Command('dry-run')
    .description('what a change of a policy would do to what is held now: counts, and a few resources with the reasons before and after. Nothing is done')
    .option('--rule <json>', 'the rule, as POST …/retention/policies takes it')
    .option('--policy <id>', 'of this policy; without --rule: removing it')
    .option('--proposal <id>', 'what somebody has proposed')
    .action((options: DryRunOptions) =>
      run(io, ended, options, async (output) => {
        const { rule, policy, proposal } = options;
        if ((proposal === undefined) === (rule === undefined && policy === undefined)) throw usageError('--rule, --policy, or both; or --proposal');
        const change = Object.entries({ rule, policyId: policy, proposalId: proposal }).filter((pair): pair is [string, string] => pair[1] !== undefined);
        const sum = await asSomebody(options, io, (api) => wholeRun(api, `${placeOf(options)}/dry-run`, change));
        output.result({ ok: true, ...sum }, () => dryRunLines(sum));
      }),
    );
  return withExamples(asked(command), [
    `retention dry-run --rule '{"name":"Messages","type":"message","dispose":{"after":{"days":30},"action":"delete"}}' --organization acme --sign-in -`,
    'retention dry-run --proposal pRq81k --organization acme --api-key-file key',
  ]);
}

/** All parts, one after the other. Exported for tests. */
export async function wholeRun(api: Pick<Asking, 'get'>, path: string, change: readonly (readonly [string, string])[]): Promise<DryRunSum> {
  let sum: DryRunSum | undefined;
  let after: string | undefined;
  for (let parts = 0; parts < PARTS_MAX; parts += 1) {
    const query = new URLSearchParams({ ...Object.fromEntries(change), ...(after === undefined ? {} : { after }) });
    const { next, ...part } = await api.get<DryRunPart>(`${path}?${query.toString()}`);
    sum = added(sum, part);
    if (next === undefined) break;
    after = next;
  }
  return sum!;
}
