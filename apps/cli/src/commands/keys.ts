import { Command } from 'commander';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { confirmByName } from '../key-service/confirm.js';
import { listLines, rewrapLines, showLines } from '../key-service/key-lines.js';
import { keyArgument, keyNameOf, textOfKey } from '../key-service/key-name.js';
import { wholeOf } from '../key-service/whole-of.js';
import { askKeys, withKeyService } from '../key-service/key-service.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';
import { importSigningCommand } from './keys-import.js';
import { raiseMinimumCommand, retireVersionCommand, rollEpochCommand } from './keys-versions.js';
import { keysPublicCommand } from './keys-public.js';

interface Options extends KeyServiceOptions {
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly tenant?: string;
  readonly after?: string;
  readonly limit: string;
}

interface DestroyOptions extends Options {
  readonly waitDays: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function keysCommand(io: Io, ended: Ended): Command {
  const command = new Command('keys')
    .description("keys of the key service, never their bytes; without a subcommand the public keys of a ledger's checkpoints")
    .addCommand(keysPublicCommand(io, ended), { isDefault: true });
  const managing = [listCommand, showCommand, rotateCommand, rewrapStatusCommand, raiseMinimumCommand, retireVersionCommand, rollEpochCommand, destroyCommand, cancelCommand, importSigningCommand];
  for (const one of managing) command.addCommand(withJson(withKeyService(one(io, ended))));
  return withExamples(command, ['keys --tenant acme', 'keys list --tenant acme', 'keys rotate acme/ledger.quarantine', 'keys raise-minimum acme/ledger.quarantine 3', 'keys retire-version acme/ledger.quarantine 2', 'keys roll-epoch', 'keys destroy acme/retention.export --wait-days 14', 'keys import-signing ledger.example/acme --keys-dir /var/lib/countersign/keys']);
}

function listCommand(io: Io, ended: Ended): Command {
  return new Command('list')
    .description('list keys')
    .option('--tenant <name>', 'of this tenant only')
    .option('--limit <n>', 'at most so many, up to 500', '100')
    .option('--after <key>', 'go on where an earlier list ended')
    .action((options: ListOptions) =>
      run(io, ended, options, async (output) => {
        const { tenant, after } = options;
        const args = { limit: wholeOf('--limit', options.limit, 500), ...(tenant === undefined ? {} : { tenant }), ...(after === undefined ? {} : { after }) };
        const { result } = await askKeys(options, io, (client) => client.ask('list', args));
        output.result({ ok: true, ...result }, () => listLines(result.keys));
        if (!output.json && result.next !== undefined) output.note(`more: add --after ${result.next}`);
      }),
    );
}

function showCommand(io: Io, ended: Ended): Command {
  return new Command('show')
    .description('show a key and its versions')
    .addArgument(keyArgument())
    .action((text: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const { result } = await askKeys(options, io, (client) => client.ask('show', keyNameOf(text)));
        output.result({ ok: true, key: result }, () => showLines(result));
      }),
    );
}

function rotateCommand(io: Io, ended: Ended): Command {
  return new Command('rotate')
    .description('make a new version, which encrypts from now on; the older ones only decrypt')
    .addArgument(keyArgument())
    .action((text: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const name = keyNameOf(text);
        const { result } = await askKeys(options, io, (client) => client.ask('rotate', name));
        output.result({ ok: true, ...name, ...result }, () => [`${textOfKey(name)}: version ${result.version} is active (${result.keyId})`]);
      }),
    );
}

function rewrapStatusCommand(io: Io, ended: Ended): Command {
  return new Command('rewrap-status')
    .description('what still lies under old versions, and under an old epoch')
    .option('--tenant <name>', 'of this tenant only')
    .action((options: Options & { readonly tenant?: string }) =>
      run(io, ended, options, async (output) => {
        const { tenant } = options;
        const { result } = await askKeys(options, io, (client) => client.ask('rewrap-status', tenant === undefined ? {} : { tenant }));
        output.result({ ok: true, ...result }, () => rewrapLines(result));
      }),
    );
}

function destroyCommand(io: Io, ended: Ended): Command {
  return new Command('destroy')
    .alias('schedule')
    .description('destroy a key with all its versions after a waiting period; until then "keys cancel" keeps it')
    .addArgument(keyArgument())
    .option('--wait-days <n>', 'waiting period, 1 to 30 days', '7')
    .option('--force', 'also a key that signs for a log or a receipt, or that tells erased subjects apart')
    .option('--yes', 'do not ask')
    .action((text: string, options: DestroyOptions) =>
      run(io, ended, options, async (output) => {
        const name = keyNameOf(text);
        const waitDays = wholeOf('--wait-days', options.waitDays, 30);
        const { result } = await askKeys(options, io, async (client) => {
          const { result: key } = await client.ask('show', name);
          const lost = key.kind === 'signing' ? 'its log can have no checkpoint signed ever again' : 'whatever is encrypted under it is lost for ever';
          const what = `This destroys the ${key.kind} key ${textOfKey(name)} in ${waitDays} days, and with that ${lost}.`;
          if (options.yes !== true) await confirmByName(io, what, textOfKey(name));
          return client.ask('schedule-destruction', { ...name, waitDays, ...(options.force === true ? { force: true as const } : {}) });
        });
        output.result({ ok: true, ...name, ...result }, () => [`${textOfKey(name)} will be destroyed ${result.destroyAt}; "countersign keys cancel ${textOfKey(name)}" keeps it`]);
      }),
    );
}

function cancelCommand(io: Io, ended: Ended): Command {
  return new Command('cancel')
    .description('keep a key whose destruction is scheduled')
    .addArgument(keyArgument())
    .action((text: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const name = keyNameOf(text);
        await askKeys(options, io, (client) => client.ask('cancel-destruction', name));
        output.result({ ok: true, ...name }, () => [`${textOfKey(name)} is kept`]);
      }),
    );
}
