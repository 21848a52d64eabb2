import { Command } from 'commander';
import type { SubjectRequestView } from '@countersign/contracts';
import { asSomebody, everyPage, inSomebodysName, type Asking, type EdgeOptions } from '../edge-session.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { requestLine, requestLines } from '../retention-lines.js';

interface Options extends EdgeOptions {
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly closed?: boolean;
}

const PLACE = '/v1/privacy/requests';

/** What whoever answers a request does with it, and what he has to say to it. */
const ANSWERS = [
  { name: 'verify', option: 'how', what: 'you are sure who asked, and how: it is carried out', did: 'verified: it is carried out', example: "'called back'" },
  { name: 'extend', option: 'reason', what: 'extend the time once, before it is due', did: 'extended', example: "'many systems'" },
  { name: 'complete', option: 'outcome', what: 'what somebody had to do by hand is done', did: 'completed', example: "'name corrected'" },
  { name: 'refuse', option: 'reason', what: 'refuse it; the person is shown the reason', did: 'refused', example: "'cannot say who asks'" },
] as const;

export function requestsCommand(io: Io, ended: Ended): Command {
  const command = new Command('requests').description('requests of data subjects: what they ask for, how far it is, and until when it must be answered');
  command.addCommand(listCommand(io, ended), { isDefault: true }).addCommand(showCommand(io, ended));
  for (const answer of ANSWERS) command.addCommand(answerCommand(io, ended, answer));
  return command;
}

const asked = (command: Command): Command => inSomebodysName(withJson(command));
const pathOf = (requestId: string): string => `${PLACE}/${encodeURIComponent(requestId)}`;

function listCommand(io: Io, ended: Ended): Command {
  const command = new Command('list')
    .description('those that are open')
    .option('--closed', 'those that were answered, in their place')
    .action((options: ListOptions) =>
      run(io, ended, options, async (output) => {
        const requests = await asSomebody(options, io, (api) => allRequests(api, options.closed === true ? 'closed' : 'open'));
        output.result({ ok: true, requests }, () => (requests.length === 0 ? ['none'] : requests.map(requestLine)));
      }),
    );
  return withExamples(asked(command), ['retention requests --api-key-file key', 'retention requests list --closed --json --sign-in -']);
}

/** In all pages, those that are due first first. Exported for tests. */
export async function allRequests(api: Pick<Asking, 'get'>, state: 'open' | 'closed'): Promise<SubjectRequestView[]> {
  const found = await everyPage<SubjectRequestView>(api, `${PLACE}?state=${state}`, 'requests');
  return found.sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0));
}

function showCommand(io: Io, ended: Ended): Command {
  const command = new Command('show').description('one of them').argument('<request>', 'its id').action((requestId: string, options: Options) =>
    run(io, ended, options, async (output) => {
      const request = await asSomebody(options, io, (api) => api.get<SubjectRequestView>(pathOf(requestId)));
      output.result({ ok: true, request }, () => requestLines(request));
    }),
  );
  return withExamples(asked(command), ['retention requests show rQ81kZ --sign-in -']);
}

function answerCommand(io: Io, ended: Ended, { name, option, what, did, example }: (typeof ANSWERS)[number]): Command {
  const command = new Command(name)
    .description(what)
    .argument('<request>', 'its id')
    .requiredOption(`--${option} <text>`, 'on record for ever; no names of persons')
    .action((requestId: string, options: Options & Readonly<Record<string, string>>) =>
      run(io, ended, options, async (output) => {
        await asSomebody(options, io, (api) => api.post(`${pathOf(requestId)}/${name}`, { [option]: options[option] }));
        output.result({ ok: true, request: requestId, did: name }, () => [`${did}: ${requestId}`]);
      }),
    );
  return withExamples(asked(command), [`retention requests ${name} rQ81kZ --${option} ${example} --sign-in -`]);
}
