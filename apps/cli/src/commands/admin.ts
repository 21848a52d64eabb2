import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { IDENTITY_OPERATIONS, type IdentityArgsInput, type IdentityOperation, type IdentityResult } from '@countersign/contracts';
import { IdentityClient, IdentityClientError } from '@countersign/identity-client';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { openBus } from '../send/open-sender.js';
import { localStackOf } from '../target.js';
import type { BusTarget, TargetOptions } from '../target.js';

interface LinkOptions extends Pick<TargetOptions, 'stateDir' | 'natsUrl'> {
  readonly json?: boolean;
  readonly operatorSeed?: string;
}

interface Options extends LinkOptions {
  readonly email: string;
  readonly name: string;
  readonly passwordFile: string;
}

const STDIN = '-';

export interface FirstAdministrator {
  readonly email: string;
  readonly name: string;
  readonly password: string;
}

export function adminCommand(io: Io, ended: Ended): Command {
  const create = new Command('create')
    .description('make the first administrator; refused as soon as there is one')
    .requiredOption('--email <address>', 'by which they sign in')
    .requiredOption('--name <name>', 'what they are called')
    .requiredOption('--password-file <file>', 'file with the password, or - for standard input: never an argument, which others on this machine can see')
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--operator-seed <file>', "file with the operator's nkey seed (env COUNTERSIGN_OPERATOR_SEED_FILE)")
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const userId = await createAdministrator(targetOf(options, io), { email: options.email, name: options.name, password: await passwordOf(options.passwordFile, io) });
        output.result({ ok: true, userId }, () => [`administrator ${userId}`]);
        if (!output.json) output.note('they must enrol a second factor at their first sign-in before they can do anything');
      }),
    );
  const link = new Command('setup-link')
    .description('print a link by which somebody makes themselves the first administrator, once, within an hour; it voids the one before')
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--operator-seed <file>', "file with the operator's nkey seed (env COUNTERSIGN_OPERATOR_SEED_FILE)")
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)')
    .action((options: LinkOptions) =>
      run(io, ended, options, async (output) => {
        const { url, token, expiresAt } = await askAsOperator(targetOf(options, io), 'setup-link', {});
        output.result({ ok: true, url, token, expiresAt }, () => [url]);
        if (!output.json) output.note(`whoever opens it before ${expiresAt} owns this installation: hand it over as you would a password`);
      }),
    );
  const command = new Command('admin').description('the first administrator').addCommand(withExamples(withJson(link), ['admin setup-link'])).addCommand(withExamples(withJson(create), ["admin create --email ana@example.com --name 'Ana' --password-file -"]));
  return command;
}

/** Asks identity as an operator. Returns the user's id. Throws CliError. */
export async function createAdministrator(operator: BusTarget, who: FirstAdministrator): Promise<string> {
  const args = IDENTITY_OPERATIONS['admin-create'].args.safeParse(who);
  if (!args.success) throw usageError(`--${args.error.issues[0]!.path.join('.')}: ${args.error.issues[0]!.message}`);
  return (await askAsOperator(operator, 'admin-create', args.data)).userId;
}

async function askAsOperator<O extends IdentityOperation>(operator: BusTarget, operation: O, args: IdentityArgsInput<O>): Promise<IdentityResult<O>> {
  const bus = await openBus(operator);
  try {
    const context = { ip: '127.0.0.1', userAgent: 'countersign', correlationId: randomUUID() };
    return await new IdentityClient({ bus }).ask(operation, context, args);
  } catch (error) {
    if (!(error instanceof IdentityClientError)) throw error;
    const isAway = error.code === 'IDENTITY_UNAVAILABLE' || error.code === 'IDENTITY_OVERLOADED';
    throw new CliError(isAway ? EXIT.unreachable : EXIT.refused, error.code, isAway ? `${error.code}: ${error.message}` : `refused: ${error.code}: ${error.message}`, { ...error.detail });
  } finally {
    await bus.close();
  }
}

function targetOf(options: LinkOptions, { env, cwd }: Io): BusTarget {
  const url = options.natsUrl ?? env['COUNTERSIGN_NATS_URL'];
  const seed = options.operatorSeed ?? env['COUNTERSIGN_OPERATOR_SEED_FILE'];
  if (url === undefined) {
    const { natsUrl, operatorSeedFile } = localStackOf(options, cwd);
    return { url: natsUrl, nkeySeedFile: seed ?? operatorSeedFile };
  }
  if (seed === undefined) throw usageError("give the file with the operator's nkey seed with --operator-seed");
  return { url, nkeySeedFile: seed, tlsDir: env['COUNTERSIGN_NATS_TLS_DIR'] };
}

/** The first line: an editor leaves a line feed behind. */
async function passwordOf(file: string, io: Io): Promise<string> {
  const line = (text: string): string => text.split(/\r?\n/, 1)[0]!;
  if (file !== STDIN) {
    try {
      return line(readFileSync(file, 'utf8'));
    } catch {
      throw usageError(`--password-file: ${file} cannot be read`);
    }
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(chunk);
  return line(Buffer.concat(chunks).toString('utf8'));
}
