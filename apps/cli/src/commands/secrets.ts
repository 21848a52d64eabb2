import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { Command, Option } from 'commander';
import { ConfigError } from '@countersign/runtime';
import { readSecretSources, SecretFault, secretsCheck, SERVICE_SECRETS, type SecretCheck, type ServiceName } from '@countersign/secrets';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { Environment } from '../target.js';

interface Options {
  readonly json?: boolean;
  readonly service: ServiceName;
  readonly envFile?: string;
}

const MS_PER_DAY = 86_400_000;
const MS_PER_HOUR = 3_600_000;

export function secretsCommand(io: Io, ended: Ended): Command {
  const check = new Command('check')
    .description("read every secret of a service from where it is configured, and say what was found; never a value")
    .addOption(new Option('--service <name>', 'whose secrets').choices(Object.keys(SERVICE_SECRETS)).default('ledger'))
    .option('--env-file <file>', "the service's environment, as NAME=value lines; default: this one's")
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const rows = await checkAll(options, io);
        const isGood = rows.every(({ found }) => found);
        output.result({ ok: isGood, service: options.service, secrets: rows.map(forMachines) }, () => rows.map(forPeople));
        return exitCodeOf(rows);
      }),
    );
  const command = new Command('secrets').description('secrets of the services').addCommand(withJson(check));
  return withExamples(command, ['secrets check', 'secrets check --service keys --env-file keys.env --json']);
}

async function checkAll({ service, envFile }: Options, io: Io): Promise<readonly SecretCheck[]> {
  const env = envFile === undefined ? io.env : environmentIn(resolve(io.cwd, envFile));
  const sources = openSources(env, service);
  try {
    return await secretsCheck(sources, Date.now());
  } finally {
    for (const provider of new Set(Object.values(sources).map((source) => source.provider))) provider.close();
  }
}

function openSources(env: Environment, service: ServiceName) {
  try {
    return readSecretSources(env, SERVICE_SECRETS[service]);
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message);
    throw error instanceof SecretFault ? new CliError(EXIT.usage, error.code, error.message) : error;
  }
}

function environmentIn(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/** A provider that does not answer says nothing about the secret; anything else is to be put right. */
function exitCodeOf(rows: readonly SecretCheck[]): ExitCode {
  const codes = rows.flatMap(({ code }) => code ?? []);
  if (codes.length === 0) return EXIT.ok;
  return codes.every((code) => code === 'SECRET_PROVIDER_UNAVAILABLE') ? EXIT.unreachable : EXIT.usage;
}

function forMachines({ changedAtMs, ...row }: SecretCheck): object {
  return { ...row, ...(changedAtMs === undefined ? {} : { changedAt: new Date(changedAtMs).toISOString() }) };
}

function forPeople({ name, provider, found, code, message, version, changedAtMs, ageMs, warning }: SecretCheck): string {
  if (!found) return `${name}  ${provider}  ${code ?? ''}: ${message ?? ''}`;
  const age = changedAtMs === undefined || ageMs === undefined ? 'age unknown' : `${ageText(ageMs)} old, since ${new Date(changedAtMs).toISOString()}`;
  return [`${name}  ${provider}  found, ${age}`, ...(version === undefined ? [] : [`version ${version}`]), ...(warning === undefined ? [] : [`warning: ${warning}`])].join(', ');
}

function ageText(ms: number): string {
  return ms >= MS_PER_DAY ? `${Math.floor(ms / MS_PER_DAY)} days` : `${Math.floor(Math.max(ms, 0) / MS_PER_HOUR)} hours`;
}
