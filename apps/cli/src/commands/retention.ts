import { Command } from 'commander';
import type { HoldView, ProposalView, RetentionOutcome, RetentionPolicyView } from '@countersign/contracts';
import { asSomebody, everyPage } from '../edge-session.js';
import { usageError } from '../exit-code.js';
import { run, withExamples } from '../io.js';
import type { Ended, Io } from '../io.js';
import { asked, placeOf, type RetentionOptions } from '../retention-place.js';
import { archiveCommand } from './retention-archive.js';
import { certificateCommand } from './retention-certificate.js';
import { dryRunCommand } from './retention-dry-run.js';
import { requestsCommand } from './retention-requests.js';
import { holdLine, outcomeLines, placedLines, policyLines, proposalLine, type PlacedHold } from '../retention-lines.js';

interface ExplainOptions extends RetentionOptions {
  readonly class: string;
  readonly created: string;
  readonly subject?: string;
  readonly closed?: string;
  readonly lastUsed?: string;
  readonly clock?: string;
  readonly at?: string;
}

interface HoldOptions extends RetentionOptions {
  readonly matter: string;
  readonly reason: string;
  readonly custodian?: string;
  readonly everything?: boolean;
  readonly subject?: readonly string[];
  readonly resource?: readonly string[];
  readonly type?: readonly string[];
  readonly class?: readonly string[];
  readonly createdFrom?: string;
  readonly createdBefore?: string;
  readonly query?: string;
}

interface ReleaseOptions extends RetentionOptions {
  readonly ask?: boolean;
  readonly refuse?: boolean;
  readonly reason?: string;
}

export function retentionCommand(io: Io, ended: Ended): Command {
  return new Command('retention').description('policies, legal holds, what holds for a resource, and what was destroyed')
    .addCommand(explainCommand(io, ended)).addCommand(dryRunCommand(io, ended)).addCommand(policiesCommand(io, ended)).addCommand(holdsCommand(io, ended)).addCommand(holdCommand(io, ended)).addCommand(releaseCommand(io, ended)).addCommand(requestsCommand(io, ended)).addCommand(certificateCommand(io, ended)).addCommand(archiveCommand(io, ended));
}

function explainCommand(io: Io, ended: Ended): Command {
  const command = new Command('explain')
    .description('what holds for a resource as it is described here, until when, and why')
    .argument('<type>', 'its type')
    .argument('<id>', 'its id')
    .requiredOption('--class <class>', 'contact, content, attachment, financial, legal, security or operational')
    .requiredOption('--created <time>', 'when it was made, such as 2026-01-31T12:00:00Z')
    .option('--closed <time>', 'when it ended')
    .option('--last-used <time>', 'when it was used last')
    .option('--subject <id>', 'about whom it is')
    .option('--clock <start>', 'from when its type counts: created, closed or last-used')
    .option('--at <time>', 'at another time than now')
    .action((type: string, id: string, options: ExplainOptions) =>
      run(io, ended, options, async (output) => {
        const { class: dataClass, created, closed, lastUsed, subject, clock, at } = options;
        const given = { type, id, class: dataClass, created, closed, lastUsed, subject, clock, at };
        const query = new URLSearchParams(Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined));
        const outcome = await asSomebody(options, io, (api) => api.get<RetentionOutcome>(`${placeOf(options)}/explain?${query.toString()}`));
        output.result({ ok: true, ...outcome }, () => outcomeLines(outcome));
      }),
    );
  return withExamples(asked(command), ['retention explain contract c1 --class legal --created 2026-01-31T12:00:00Z --organization acme --sign-in -']);
}

function policiesCommand(io: Io, ended: Ended): Command {
  const command = new Command('policies').description('policies, and what waits for a second person').action((options: RetentionOptions) =>
    run(io, ended, options, async (output) => {
      const found = await asSomebody(options, io, (api) => api.get<{ policies: RetentionPolicyView[]; proposals: ProposalView[] }>(`${placeOf(options)}/policies`));
      output.result({ ok: true, ...found }, () => [...found.policies.flatMap(policyLines), ...found.proposals.map(proposalLine)]);
    }),
  );
  return withExamples(asked(command), ['retention policies --organization acme --api-key-file key']);
}

function holdsCommand(io: Io, ended: Ended): Command {
  const command = new Command('holds').description('legal holds, released ones too').action((options: RetentionOptions) =>
    run(io, ended, options, async (output) => {
      const holds = await asSomebody(options, io, (api) => everyPage<HoldView>(api, `${placeOf(options)}/holds?limit=200&releasedToo=true`, 'holds'));
      output.result({ ok: true, holds }, () => holds.map(holdLine));
    }),
  );
  return withExamples(asked(command), ['retention holds --organization acme --api-key-file key']);
}

function holdCommand(io: Io, ended: Ended): Command {
  const command = new Command('hold')
    .description('place a legal hold: in force at once, over every policy and every erasure. All that is named must be met; of what is named more than once, one')
    .requiredOption('--matter <text>', 'what it is about; no names of persons')
    .requiredOption('--reason <text>', 'why it is placed')
    .option('--custodian <user>', 'id of the account that answers for it')
    .option('--everything', 'hold everything')
    .option('--subject <id...>', 'what is about these subjects')
    .option('--resource <type/id...>', 'these resources')
    .option('--type <type...>', 'what is of these types')
    .option('--class <class...>', 'what is of these classes')
    .option('--created-from <time>', 'what was made then or later')
    .option('--created-before <time>', 'what was made earlier')
    .option('--query <query>', 'what a query finds: docs/spec/retention-rules.md')
    .action((options: HoldOptions) =>
      run(io, ended, options, async (output) => {
        const { matter, reason, custodian } = options;
        const placed = await asSomebody(options, io, (api) => api.post<PlacedHold>(`${placeOf(options)}/holds`, { matter, reason, ...(custodian === undefined ? {} : { custodian }), scope: scopeOf(options) }));
        output.result({ ok: true, ...placed }, () => placedLines(placed));
      }),
    );
  return withExamples(asked(command), ["retention hold --matter 'Audit 2026' --reason 'letter of 2 November' --subject user-7 --organization acme --sign-in -"]);
}

function scopeOf({ everything, subject: subjects, resource, type: types, class: classes, createdFrom, createdBefore, query }: HoldOptions): object {
  const resources = resource?.map((text) => {
    const at = text.indexOf('/');
    if (at < 1 || at === text.length - 1) throw usageError(`--resource ${text}: it is type/id`);
    return { type: text.slice(0, at), id: text.slice(at + 1) };
  });
  return Object.fromEntries(Object.entries({ everything, subjects, resources, types, classes, createdFrom, createdBefore, query }).filter(([, value]) => value !== undefined));
}

function releaseCommand(io: Io, ended: Ended): Command {
  const command = new Command('release')
    .description('let a legal hold go: one person asks (--ask), another agrees; it stays in force until then')
    .argument('<hold>', 'id of the hold')
    .option('--ask', 'ask for it')
    .option('--refuse', 'turn it down')
    .option('--reason <text>', 'why it is asked for, or turned down')
    .action((hold: string, options: ReleaseOptions) =>
      run(io, ended, options, async (output) => {
        const { ask = false, refuse = false, reason } = options;
        if (ask && refuse) throw usageError('--ask or --refuse, not both');
        if ((ask || refuse) !== (reason !== undefined)) throw usageError('--reason goes with --ask and --refuse');
        const what = ask ? 'ask-release' : refuse ? 'refuse-release' : 'release';
        await asSomebody(options, io, (api) => api.post(`${placeOf(options)}/holds/${encodeURIComponent(hold)}/${what}`, reason === undefined ? {} : { reason }));
        output.result({ ok: true, hold, did: what }, () => [ask ? `asked: ${hold} stays in force until somebody else agrees` : refuse ? `turned down: ${hold} stays in force` : `released: what it kept from being destroyed is announced first`]);
      }),
    );
  return withExamples(asked(command), ["retention release hLx0cA1 --ask --reason 'settled' --organization acme --sign-in -", 'retention release hLx0cA1 --organization acme --sign-in -']);
}
