import { Command } from 'commander';
import { searchPageSchema } from '@countersign/contracts';
import type { RecordedEvent, SearchPage } from '@countersign/contracts';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { LedgerApi, ledgerPath } from '../ledger-api.js';
import { ledgerUrlOf, withLedgerTarget } from '../target.js';
import type { TargetOptions } from '../target.js';

interface Options extends TargetOptions {
  readonly json?: boolean;
  readonly tenant: string;
  readonly type?: string;
  readonly actor?: string;
  readonly resource?: string;
  readonly severity?: string;
  readonly from?: string;
  readonly to?: string;
  readonly cursor?: string;
  readonly limit: string;
}

const FILTERS = ['type', 'actor', 'resource', 'severity', 'from', 'to', 'cursor', 'limit'] as const;

export function searchCommand(io: Io, ended: Ended): Command {
  const command = withLedgerTarget(new Command('search'))
    .description('list recorded events, newest first; every filter given must match')
    .requiredOption('--tenant <name>', 'the ledger')
    .option('--type <prefix>', 'whole dotted words from the left, such as identity.session')
    .option('--actor <id>', 'who did it')
    .option('--resource <id>', 'what it was done to')
    .option('--severity <least>', 'at least info, notice, warning or alert')
    .option('--from <time>', 'happened at or after, RFC 3339 UTC')
    .option('--to <time>', 'happened before, RFC 3339 UTC')
    .option('--limit <n>', 'at most so many events', '20')
    .option('--cursor <cursor>', 'go on where an earlier search ended')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const api = new LedgerApi(ledgerUrlOf(options, io.env, io.cwd));
        const page = await api.json(ledgerPath(options.tenant, `/events?${queryOf(options)}`), searchPageSchema);
        output.result(page, () => linesOf(page));
        if (!output.json && page.next !== undefined) output.note(`more: add --cursor ${page.next}`);
      }),
    );
  return withExamples(withJson(command), ['search --tenant acme --severity warning', 'search --tenant acme --type identity.session --actor user-17 --from 2026-11-01T00:00:00Z', 'search --tenant trail --type cloudtrail.iam --json']);
}

function queryOf(options: Options): string {
  const given = FILTERS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]] as [string, string]]));
  return new URLSearchParams(given).toString();
}

function linesOf({ events }: SearchPage): string[] {
  return events.length === 0 ? ['nothing found'] : events.map(lineOf);
}

function lineOf({ index, entry, fault }: RecordedEvent): string {
  if (entry === undefined) return `${index}  not readable: ${fault ?? 'unknown'}`;
  const { time, severity, outcome, type, actor, resource, id } = entry as Record<string, string> & { actor: { id: string }; resource?: { id: string } };
  return [time, severity!.padEnd(7), outcome!.padEnd(7), type, actor.id, resource?.id ?? '-', id, `#${index}`].join('  ');
}
