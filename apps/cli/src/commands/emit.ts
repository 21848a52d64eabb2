import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ACTOR_TYPES, OUTCOMES, SEVERITIES } from '@countersign/chain';
import type { JsonObject } from '@countersign/chain';
import type { EmitInput } from '@countersign/client';
import { usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { Output } from '../output.js';
import { openSender } from '../send/open-sender.js';
import { busOf, withBusTarget } from '../target.js';
import type { TargetOptions } from '../target.js';

interface Options extends TargetOptions {
  readonly json?: boolean;
  readonly file?: string;
  readonly source?: string;
  readonly tenant?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly resource?: string;
  readonly id?: string;
  readonly time?: string;
  readonly severity?: string;
  readonly outcome?: string;
  readonly correlationId?: string;
  readonly data?: string;
  readonly personal: readonly string[];
  readonly timeout: string;
}

const INPUT_BYTES_MAX = 1024 * 1024;

export function emitCommand(io: Io, ended: Ended): Command {
  const command = withBusTarget(new Command('emit'))
    .description('record one event and print its receipt')
    .option('--file <event.json>', 'read the event as JSON from a file, or from stdin with "-"; other options override its fields')
    .option('--tenant <name>', 'the ledger')
    .option('--type <source.noun.verb>', 'such as identity.session.created')
    .option('--source <name>', "the emitting service (default: the type's first word)")
    .option('--actor <type:id>', `who did it; type is one of ${ACTOR_TYPES.join(', ')}`)
    .option('--resource <type:id>', 'what it was done to')
    .option('--id <uuid>', 'own id of the event: the same id is recorded once (default: a new one)')
    .option('--time <time>', 'when it happened, RFC 3339 UTC (default: now)')
    .addOption(new Option('--severity <level>').choices(SEVERITIES))
    .addOption(new Option('--outcome <outcome>').choices(OUTCOMES))
    .option('--correlation-id <id>', 'ties the events of one request together')
    .option('--data <json>', 'operational facts as a JSON object, nothing personal')
    .option('--personal <subject=json>', 'facts about one person; repeatable', (one: string, all: readonly string[]) => [...all, one], [])
    .option('--timeout <seconds>', 'longest wait for the receipt', '30')
    .action((options: Options) => run(io, ended, options, (output) => emit(options, io, output)));
  return withExamples(withJson(command), [
    'emit --tenant acme --type billing.invoice.paid --actor user:u-17 --resource invoice:2026-117 --data \'{"amount":4200}\'',
    'emit --file event.json --tenant acme',
    "echo '{…}' | countersign emit --file - --json",
  ]);
}

async function emit(options: Options, io: Io, output: Output): Promise<void> {
  const given = options.file === undefined ? {} : parseObject(await readInput(options.file, io), 'the event');
  const { source: ownSource, producer: _, ...fields } = { ...given, ...fieldsOf(options) } as Record<string, unknown>;
  const ofType = typeof fields['type'] === 'string' ? fields['type'].split('.')[0]! : '';
  const source = options.source ?? (typeof ownSource === 'string' ? ownSource : ofType);
  if (source === '') throw usageError('name the event with --type, or give it whole with --file');
  const timeoutMs = secondsOf(options.timeout) * 1000;
  const sender = await openSender(busOf(options, io.env, io.cwd), source);
  try {
    const { receipt, repeated } = await sender.emitter.emitAndWait({ ...(fields as unknown as EmitInput), numbered: false }, { timeoutMs });
    output.result({ ok: true, repeated, receipt }, () => [
      `${repeated ? 'already recorded' : 'recorded'}: entry ${receipt.index} of ${receipt.tenant}, at ${receipt.recordedAt}`,
      `  id ${receipt.id}`,
      `  eventHash ${receipt.eventHash}`,
    ]);
  } finally {
    await sender.close();
  }
}

function fieldsOf(options: Options): Record<string, unknown> {
  const { tenant, type, id, time, severity, outcome, correlationId, data, actor, resource, personal } = options;
  const fields = {
    tenant, type, id, time, severity, outcome, correlationId,
    data: data === undefined ? undefined : parseObject(data, '--data'),
    actor: actor === undefined ? undefined : reference(actor, '--actor'),
    resource: resource === undefined ? undefined : reference(resource, '--resource'),
    personal: personal.length === 0 ? undefined : personal.map(personalPart),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function reference(text: string, option: string): { type: string; id: string } {
  const colon = text.indexOf(':');
  if (colon < 1) throw usageError(`${option} must be <type>:<id>`);
  return { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

function personalPart(text: string): { subject: string; data: JsonObject } {
  const equals = text.indexOf('=');
  if (equals < 1) throw usageError('--personal must be <subject>=<JSON object>');
  return { subject: text.slice(0, equals), data: parseObject(text.slice(equals + 1), '--personal') };
}

function parseObject(text: string, what: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    throw usageError(`${what} is not JSON`);
  }
  throw usageError(`${what} must be a JSON object`);
}

async function readInput(file: string, io: Io): Promise<string> {
  if (file !== '-') return readFileSync(file, 'utf8');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    bytes += chunk.length;
    if (bytes > INPUT_BYTES_MAX) throw usageError(`stdin holds over ${INPUT_BYTES_MAX} bytes: one event is far smaller`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Throws CliError unless it is a number of seconds above 0. */
export function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 86_400)) throw usageError(`${text} is not a number of seconds`);
  return seconds;
}
