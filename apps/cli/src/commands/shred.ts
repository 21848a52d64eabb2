import { Command } from 'commander';
import { parseNote, SIGNATURE_TYPE } from '@countersign/chain';
import { tenantSchema } from '@countersign/contracts';
import type { KeyClient } from '@countersign/key-client';
import { writeFileDurably } from '@countersign/runtime';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { parseKey } from '../keys.js';
import { confirmByName } from '../key-service/confirm.js';
import { askKeys, withKeyService } from '../key-service/key-service.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';
import { verifyReceipt } from '../verify/destruction-receipt.js';
import type { DestructionReceipt } from '../verify/destruction-receipt.js';
import { writeKeys } from './keys-public.js';

interface Options extends KeyServiceOptions {
  readonly json?: boolean;
  readonly tenant: string;
  readonly reason: string;
  readonly yes?: boolean;
  readonly out?: string;
}

interface Shredded {
  /** The signed note. */
  readonly receipt: string;
  readonly said: DestructionReceipt;
  /** Verifier key that the receipt was verified with. */
  readonly vkey: string;
}

export function shredCommand(io: Io, ended: Ended): Command {
  const command = withKeyService(new Command('shred'))
    .description("erase a person: destroy the subject's key, at once and for ever, and print the signed receipt")
    .argument('<subject>', 'who, as personal parts name them')
    .requiredOption('--tenant <name>', 'whose subject it is')
    .requiredOption('--reason <text>', 'why, for the record: no personal data')
    .option('--yes', 'do not ask')
    .option('--out <file>', 'write the receipt to a file as well, and the key that verifies it to <file>.pub')
    .action((subject: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const { tenant, out } = options;
        if (!tenantSchema.safeParse(tenant).success) throw usageError(`"${tenant}" is no name of a tenant`);
        const what = `This destroys the key of ${subject} of ${tenant}: whatever is encrypted under it is unreadable for ever, and in backups once the epoch is rolled.`;
        if (options.yes !== true) await confirmByName(io, what, subject);
        const { receipt, said, vkey } = await askKeys(options, io, (client) => shred(client, tenant, subject, options.reason));
        if (out !== undefined) {
          await writeFileDurably(out, receipt);
          await writeKeys(`${out}.pub`, [vkey]);
        }
        output.result({ ok: true, ...said, receipt, vkey, ...(out === undefined ? {} : { file: out }) }, () => [receipt.slice(0, -1)]);
        if (!output.json) output.note(`${said.keyId === undefined ? 'there was no key of this subject, and none will be made' : 'the key is destroyed'}; the receipt is signed by ${vkey}${out === undefined ? '' : `; check it with: countersign verify --receipt ${out} --key ${out}.pub`}`);
      }),
    );
  return withExamples(withJson(command), ["shred user-17 --tenant acme --reason 'request 4711' --out user-17.receipt", "shred user-17 --tenant acme --reason 'request 4711' --yes --json"]);
}

/** Throws KeyClientError; CliError and ChainFault when the receipt does not show what was asked for. */
async function shred(client: KeyClient, tenant: string, subject: string, reason: string): Promise<Shredded> {
  const { result } = await client.ask('destroy-subject', { tenant, subject, reason });
  const { name: origin } = parseNote(result.receipt).signatures[0]!;
  const keys = (await client.ask('vkeys', { origin })).result.vkeys.map(parseKey).filter(({ vkey }) => vkey.type === SIGNATURE_TYPE.ed25519);
  if (keys.length === 0) throw new CliError(EXIT.fault, 'RECEIPT_SIGNATURE_MISSING', `FAILED: RECEIPT_SIGNATURE_MISSING: the key service has no Ed25519 key of ${origin}`);
  const said = verifyReceipt(result.receipt, keys);
  if (said.tenant !== tenant || said.subject !== subject) throw new CliError(EXIT.fault, 'RECEIPT_MISMATCH', 'FAILED: RECEIPT_MISMATCH: the receipt is about somebody else');
  return { receipt: result.receipt, said, vkey: keys[0]!.text };
}
