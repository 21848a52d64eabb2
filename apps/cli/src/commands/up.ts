import { Command } from 'commander';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { STATE_FOLDER } from '../local-stack.js';
import type { Output } from '../output.js';
import { accountRound } from '../demo/account-round.js';
import { sendWorkload } from '../demo/send-workload.js';
import { summaryLines } from '../demo/summary.js';
import type { Summary } from '../demo/summary.js';
import { verifyEverything, verifySample } from '../demo/verify-everything.js';
import { startStack } from '../stack/start-stack.js';
import type { RunningStack } from '../stack/start-stack.js';

interface Options {
  readonly json?: boolean;
  readonly demo?: boolean;
  readonly exit?: boolean;
  readonly stateDir: string;
  readonly events: string;
}

const EVENTS_DEFAULT = 3_000;
const EVENTS_MAX = 5_000_000;
const SEED = 20_261_122;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function upCommand(io: Io, ended: Ended): Command {
  const command = new Command('up')
    .description('run a whole stack on this machine: PostgreSQL, nats-server and all services, until Ctrl-C')
    .option('--demo', 'send a workload of several services, wait for receipts, make and change an account, verify everything, print a summary')
    .option('--events <n>', 'events of the demonstration', String(EVENTS_DEFAULT))
    .option('--exit', 'stop after the summary; exit code 0 only if everything verified')
    .option('--state-dir <dir>', 'where everything is kept between starts', STATE_FOLDER)
    .action((options: Options) => run(io, ended, options, (output) => up(options, io, output)));
  return withExamples(withJson(command), ['up', 'up --demo --exit', 'up --state-dir /tmp/stack']);
}

async function up(options: Options, io: Io, output: Output): Promise<void> {
  const events = Number(options.events);
  if (!Number.isSafeInteger(events) || events < 1 || events > EVENTS_MAX) throw usageError(`--events must be 1 to ${EVENTS_MAX}`);
  const stop = stopSignal();
  const startedMs = performance.now();
  const note = (line: string): void => output.note(line);
  note(`starting PostgreSQL, nats-server, the key service, the ledger, identity and the edge in ${options.stateDir}`);
  const stack = await startStack({ stateDir: options.stateDir, env: io.env, log: note });
  try {
    const work = demonstrate(stack, options, events, output);
    // Ctrl-C ends a demonstration that still runs; what it then fails of is of no interest.
    work.catch(() => undefined);
    const done = await Promise.race([work, stop.asked]);
    if (done === undefined) return;
    const summary: Summary = { ...done, stack, seconds: (performance.now() - startedMs) / 1000 };
    output.result(documentOf(summary), () => summaryLines(summary));
    if (options.exit !== true) {
      note('running; Ctrl-C stops everything');
      await stop.asked;
    }
  } finally {
    note('stopping');
    await stack.stop();
    stop.dispose();
  }
}

/** With a demonstration or an end in sight everything is verified; a stack that just runs is left to verify itself. */
async function demonstrate(stack: RunningStack, options: Options, events: number, output: Output): Promise<Pick<Summary, 'sent' | 'round' | 'ledgers'>> {
  if (options.demo !== true) return { sent: undefined, round: undefined, ledgers: options.exit === true ? await verifyEverything(stack) : undefined };
  const sent = await sendWorkload(stack, events, SEED, progressFor(output, 'events', 'receipts'));
  if (sent.refused > 0) throw new CliError(EXIT.refused, 'EVENTS_REFUSED', `the ledger refused ${sent.refused} events`);
  const round = await accountRound(stack);
  const ledgers = await verifyEverything(stack);
  await verifySample(stack, sent.sample);
  return { sent, round, ledgers };
}

/** From now on, signals no longer end the process: whoever started servers must stop them first. */
function stopSignal(): { readonly asked: Promise<void>; dispose(): void } {
  let ask: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (ask = resolve));
  for (const signal of STOP_SIGNALS) process.on(signal, ask);
  return {
    asked,
    dispose() {
      for (const signal of STOP_SIGNALS) process.removeListener(signal, ask);
    },
  };
}

function documentOf({ sent, round, ledgers, stack, seconds }: Summary): object {
  const { ledgerUrl, natsUrl, edgeUrl, edgeCertFile, stateDir } = stack;
  return { ok: true, edgeUrl, edgeCertFile, ledgerUrl, natsUrl, stateDir, sent, round, ledgers, seconds: Number(seconds.toFixed(3)) };
}
