import { Command } from 'commander';
import type { IncidentStageView, IncidentView, RetentionResult } from '@countersign/contracts';
import { asSomebody, everyPage, inSomebodysName, type Asking, type EdgeOptions } from '../edge-session.js';
import { usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { incidentLine, incidentLines } from '../incident-lines.js';

interface Options extends EdgeOptions {
  readonly json?: boolean;
}

interface OpenOptions extends Options {
  readonly kind: string;
  readonly severity: string;
  readonly summary: string;
  readonly detected?: string;
  readonly aware?: string;
  readonly tenant?: readonly string[];
}

interface AssessOptions extends Options {
  readonly kind?: string;
  readonly severity?: string;
  readonly summary?: string;
  readonly aware?: string;
  readonly significant?: string;
  readonly personalData?: string;
  readonly risk?: string;
  readonly reason: string;
}

interface StageOptions extends Options {
  readonly done?: boolean;
  readonly waived?: boolean;
  readonly at?: string;
  readonly to?: string;
  readonly reference?: string;
  readonly reason?: string;
  readonly notice?: string;
}

interface Whole {
  readonly incident: IncidentView;
  readonly stages: readonly IncidentStageView[];
}

const present = (facts: object): Record<string, unknown> => Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
const placeOf = (incident: string): string => `/v1/incidents/${encodeURIComponent(incident)}`;

export function incidentsCommand(io: Io, ended: Ended): Command {
  const command = new Command('incidents').description('security incidents: their clocks, whom they affect, and the notices that are owed');
  for (const make of [openCommand, listCommand, showCommand, assessCommand, affectCommand, stageCommand, draftCommand, closeCommand, reopenCommand]) command.addCommand(make(io, ended));
  return command;
}

const asked = (command: Command): Command => inSomebodysName(withJson(command));

/** Prints the incident as it is afterwards. */
function whole<O extends Options>(io: Io, ended: Ended, options: O, work: (api: Asking) => Promise<Whole>): Promise<void> {
  return run(io, ended, options, async (output) => {
    const found = await asSomebody(options, io, work);
    output.result({ ok: true, ...found }, () => incidentLines(found));
  });
}

function openCommand(io: Io, ended: Ended): Command {
  const command = new Command('open')
    .description('open an incident; its clocks run from when somebody became aware of it')
    .requiredOption('--kind <kind>', 'ledger-integrity, unauthorised-access, disclosure, loss, malware, availability or other')
    .requiredOption('--severity <severity>', 'low, medium, high or critical')
    .requiredOption('--summary <text>', 'what happened; kept for ever: no names of persons')
    .option('--detected <time>', 'when it was detected (default: when somebody became aware)')
    .option('--aware <time>', 'when somebody became aware (default: now)')
    .option('--tenant <id...>', 'organisations that it affects')
    .action((options: OpenOptions) => {
      const { kind, severity, summary, detected, aware, tenant } = options;
      return whole(io, ended, options, (api) => api.post<Whole>('/v1/incidents', present({ kind, severity, summary, detectedAt: detected, awareAt: aware, tenants: tenant })));
    });
  return withExamples(asked(command), ["incidents open --kind disclosure --severity high --summary 'a bucket was public' --tenant acme --sign-in -"]);
}

function listCommand(io: Io, ended: Ended): Command {
  const command = new Command('list').description('open incidents').option('--closed', 'closed ones').action((options: Options & { readonly closed?: boolean }) =>
    run(io, ended, options, async (output) => {
      const incidents = await asSomebody(options, io, (api) => everyPage<IncidentView>(api, `/v1/incidents?limit=200&state=${options.closed === true ? 'closed' : 'open'}`, 'incidents'));
      output.result({ ok: true, incidents }, () => incidents.map(incidentLine));
    }),
  );
  return withExamples(asked(command), ['incidents list --api-key-file key']);
}

function showCommand(io: Io, ended: Ended): Command {
  const command = new Command('show').description('an incident, with its stages and when they are due').argument('<incident>', 'its id')
    .action((incident: string, options: Options) => whole(io, ended, options, (api) => api.get<Whole>(placeOf(incident))));
  return withExamples(asked(command), ['incidents show hLx0cA1 --api-key-file key']);
}

function assessCommand(io: Io, ended: Ended): Command {
  const command = new Command('assess')
    .description('say what is known now: it decides which stages are owed')
    .argument('<incident>', 'its id')
    .option('--significant <answer>', 'yes, no or unknown (Directive (EU) 2022/2555, Article 23(3))')
    .option('--personal-data <answer>', 'was personal data breached: yes, no or unknown')
    .option('--risk <risk>', 'to persons: unlikely, risk, high or unknown')
    .option('--kind <kind>', 'another kind')
    .option('--severity <severity>', 'another severity')
    .option('--summary <text>', 'another summary')
    .option('--aware <time>', 'when somebody became aware, corrected')
    .requiredOption('--reason <text>', 'why')
    .action((incident: string, options: AssessOptions) => {
      const { kind, severity, summary, aware, significant, personalData, risk, reason } = options;
      const assessment = present({ significant, personalData, risk });
      return whole(io, ended, options, (api) => api.post<Whole>(`${placeOf(incident)}/assess`, present({ kind, severity, summary, awareAt: aware, reason, assessment: Object.keys(assessment).length === 0 ? undefined : assessment })));
    });
  return withExamples(asked(command), ["incidents assess hLx0cA1 --significant no --personal-data yes --risk risk --reason 'logs were read' --sign-in -"]);
}

function affectCommand(io: Io, ended: Ended): Command {
  const command = new Command('affect')
    .description('organisations, or persons of one, are affected too; or, with --clear, were not after all')
    .argument('<incident>', 'its id')
    .requiredOption('--tenant <id...>', 'organisations')
    .option('--subject <id...>', 'opaque ids of persons of the one organisation')
    .option('--clear', 'they were not affected')
    .option('--reason <text>', 'why they were not')
    .action((incident: string, options: Options & { readonly tenant: readonly string[]; readonly subject?: readonly string[]; readonly clear?: boolean; readonly reason?: string }) =>
      run(io, ended, options, async (output) => {
        const { tenant: tenants, subject: subjects, clear = false, reason } = options;
        if (clear !== (reason !== undefined)) throw usageError('--reason goes with --clear');
        await asSomebody(options, io, (api) => api.post(`${placeOf(incident)}/${clear ? 'clear' : 'affect'}`, present({ tenants, subjects, reason })));
        output.result({ ok: true, incident, tenants, did: clear ? 'clear' : 'affect' }, () => [`${clear ? 'not affected' : 'affected'}: ${tenants.join(', ')}`]);
      }),
    );
  return withExamples(asked(command), ['incidents affect hLx0cA1 --tenant acme --subject user-7 user-8 --sign-in -']);
}

function stageCommand(io: Io, ended: Ended): Command {
  const command = new Command('stage')
    .description('record that a person has sent what is owed (--done), or why it is not sent (--waived)')
    .argument('<incident>', 'its id')
    .argument('<stage>', 'early-warning, notification, final-report, breach-notification, organizations or subjects')
    .option('--done', 'it was sent')
    .option('--waived', 'it is not sent')
    .option('--to <whom>', 'role or authority that it was sent to')
    .option('--at <time>', 'when (default: now)')
    .option('--reference <text>', 'of a file at the authority')
    .option('--notice <version>', 'version of the notice that was sent')
    .option('--reason <text>', 'why it is not sent, or was late')
    .action((incident: string, stage: string, options: StageOptions) => {
      const { done = false, waived = false, at, to: sentTo, reference, reason, notice } = options;
      if (done === waived) throw usageError('--done or --waived');
      const version = notice === undefined ? undefined : Number(notice);
      return whole(io, ended, options, (api) => api.post<Whole>(`${placeOf(incident)}/stages`, present({ stage, outcome: done ? 'done' : 'waived', at, sentTo, reference, reason, version })));
    });
  return withExamples(asked(command), ["incidents stage hLx0cA1 early-warning --done --to 'national CSIRT' --reference C-7 --sign-in -"]);
}

function draftCommand(io: Io, ended: Ended): Command {
  const command = new Command('draft')
    .description('a new version of a notice, of the facts on record, with [[places]] to be filled in; nothing is sent')
    .argument('<incident>', 'its id')
    .argument('<stage>', 'which notice')
    .option('--tenant <id>', 'to this organisation')
    .action((incident: string, stage: string, options: Options & { readonly tenant?: string }) =>
      run(io, ended, options, async (output) => {
        const made = await asSomebody(options, io, (api) => api.post<RetentionResult<'incident-draft'>>(`${placeOf(incident)}/drafts`, present({ stage, tenant: options.tenant })));
        output.result({ ok: true, ...made }, () => [`version ${made.version}, ${made.openPlaces} places to be filled in`, '', made.text]);
      }),
    );
  return withExamples(asked(command), ['incidents draft hLx0cA1 breach-notification --sign-in -']);
}

const closeCommand = (io: Io, ended: Ended): Command => ending(io, ended, 'close', 'close an incident; no stage may be open');
const reopenCommand = (io: Io, ended: Ended): Command => ending(io, ended, 'reopen', 'open a closed incident again');

function ending(io: Io, ended: Ended, what: 'close' | 'reopen', description: string): Command {
  const command = new Command(what).description(description).argument('<incident>', 'its id').requiredOption('--reason <text>', 'why')
    .action((incident: string, options: Options & { readonly reason: string }) =>
      run(io, ended, options, async (output) => {
        await asSomebody(options, io, (api) => api.post(`${placeOf(incident)}/${what}`, { reason: options.reason }));
        output.result({ ok: true, incident, did: what }, () => [what === 'close' ? `closed: ${incident}` : `open again: ${incident}`]);
      }),
    );
  return withExamples(asked(command), [`incidents ${what} hLx0cA1 --reason 'settled' --sign-in -`]);
}
