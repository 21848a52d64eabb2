import { Command } from 'commander';
import type { Ended, Io } from '../io.js';
import { run } from '../io.js';
import { confirmByName } from '../key-service/confirm.js';
import { keyArgument, keyNameOf, textOfKey } from '../key-service/key-name.js';
import { askKeys } from '../key-service/key-service.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';
import { wholeOf } from '../key-service/whole-of.js';

const VERSION_MAX = 1_000_000;
/** What is typed back to roll the epoch: there is one for all keys. */
const EPOCH = 'epoch';

interface Options extends KeyServiceOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function raiseMinimumCommand(io: Io, ended: Ended): Command {
  return versionCommand('raise-minimum', 'let no version below this one decrypt any more; it is never lowered again').action((text: string, number: string, options: Options) =>
    run(io, ended, options, async (output) => {
      const name = keyNameOf(text);
      const version = wholeOf('<version>', number, VERSION_MAX);
      const what = `Versions of ${textOfKey(name)} below ${version} will decrypt nothing any more, and that is not taken back: whatever still lies under them cannot be read.`;
      if (options.yes !== true) await confirmByName(io, what, textOfKey(name));
      const { result } = await askKeys(options, io, (client) => client.ask('raise-minimum', { ...name, version }));
      output.result({ ok: true, ...name, ...result }, () => [`${textOfKey(name)}: versions from ${result.minimumVersion} on decrypt`]);
    }),
  );
}

export function retireVersionCommand(io: Io, ended: Ended): Command {
  return versionCommand('retire-version', 'destroy one old version, of which a scan has counted nothing left').action((text: string, number: string, options: Options) =>
    run(io, ended, options, async (output) => {
      const name = keyNameOf(text);
      const version = wholeOf('<version>', number, VERSION_MAX);
      if (options.yes !== true) await confirmByName(io, `This destroys version ${version} of ${textOfKey(name)} at once and for ever.`, textOfKey(name));
      await askKeys(options, io, (client) => client.ask('retire-version', { ...name, version }));
      output.result({ ok: true, ...name, version }, () => [`${textOfKey(name)}: version ${version} is destroyed`]);
    }),
  );
}

export function rollEpochCommand(io: Io, ended: Ended): Command {
  return new Command('roll-epoch')
    .description("begin a new epoch of the subjects' keys now: erasures so far reach every older snapshot")
    .option('--yes', 'do not ask')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const what = "This makes every copy of the subject store that exists unusable: from then on it can be put back only from a copy that is made after the roll.";
        if (options.yes !== true) await confirmByName(io, what, EPOCH);
        const { result } = await askKeys(options, io, (client) => client.ask('roll-epoch', {}));
        output.result({ ok: true, ...result }, () => [`epoch ${result.epoch} begins; "countersign keys rewrap-status" tells how far it is`]);
      }),
    );
}

function versionCommand(name: string, description: string): Command {
  return new Command(name).description(description).addArgument(keyArgument()).argument('<version>', 'as "keys show" numbers them').option('--yes', 'do not ask');
}
