import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { formatVkey, sha256Hex, SIGNATURE_TYPE, vkeyOf } from '@countersign/chain';
import { KEYS_IMPORT_PURPOSE, KEYS_SYSTEM_TENANT, SIGNING_SEEDS_BYTES } from '@countersign/contracts';
import { fieldKey, sealField } from '@countersign/envelope';
import type { KeyClient } from '@countersign/key-client';
import { SealedFile, SealedFileError } from '@countersign/sealed-file';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { Ended, Io } from '../io.js';
import { run } from '../io.js';
import { askKeys } from '../key-service/key-service.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';

/** As a ledger with LEDGER_KEYS=sealed-file names its files. */
const SEALED_FILE = 'signing-keys.sealed';
const SEALING_KEY = 'sealing.key';
const NAME_CHARS = 32;

interface Options extends KeyServiceOptions {
  readonly json?: boolean;
  readonly keysDir: string;
  readonly passphraseFile?: string;
  readonly checkpoint?: string;
}

/** What a ledger keeps of a log's keys; PKCS#8 in base64. */
interface StoredKeys {
  readonly origin: string;
  readonly ed25519: string;
  readonly mlDsa44: string;
}

interface LogKeys {
  /** Ed25519, then ML-DSA-44. */
  readonly seeds: Buffer;
  readonly vkeys: readonly string[];
}

export function importSigningCommand(io: Io, ended: Ended): Command {
  return new Command('import-signing')
    .description("hand a ledger's own checkpoint keys over to the key service, so that its verifiers need no new one")
    .argument('<origin>', 'of the log, such as ledger.example/acme')
    .requiredOption('--keys-dir <dir>', "the ledger's LEDGER_KEYS_DIR, with its sealed files")
    .option('--passphrase-file <file>', 'with the passphrase that seals them; default: the key file beside them')
    .option('--checkpoint <file>', "the log's last checkpoint: nothing that does not extend it will be signed")
    .action((origin: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const at = (path: string): string => resolve(io.cwd, path);
        const keys = await sealedKeys(origin, at(options.keysDir), options.passphraseFile === undefined ? undefined : textIn(at(options.passphraseFile)).trim());
        const checkpoint = options.checkpoint === undefined ? undefined : textIn(at(options.checkpoint));
        const { signedSize } = await askKeys(options, io, (client) => handOver(client, origin, keys, checkpoint)).finally(() => keys.seeds.fill(0));
        output.result({ ok: true, origin, vkeys: keys.vkeys, signedSize }, () => [...keys.vkeys]);
        if (!output.json) output.note(`the key service signs for ${origin} from now on, beginning after ${signedSize} entries; move the sealed files away before the ledger starts with LEDGER_KEYS=service`);
      }),
    );
}

/** Throws CliError; SealedFileError becomes one. */
async function sealedKeys(origin: string, dir: string, passphrase: string | undefined): Promise<LogKeys> {
  try {
    const path = join(dir, SEALED_FILE);
    // Opening makes what is missing, and nothing is to be made here.
    if ((await SealedFile.protectionOf(path)) === undefined) throw usageError(`${path} is not there`);
    const all = await SealedFile.open({ path, keyPath: join(dir, SEALING_KEY), ...(passphrase === undefined ? {} : { passphrase }) });
    const { content } = await all.beside<StoredKeys>(sha256Hex(origin).slice(0, NAME_CHARS));
    if (content?.origin !== origin) throw usageError(`there are no keys of ${origin} in ${dir}`);
    return logKeys(origin, privateKey(content.ed25519), privateKey(content.mlDsa44));
  } catch (error) {
    throw error instanceof SealedFileError ? new CliError(EXIT.usage, error.code, error.message) : error;
  }
}

function logKeys(origin: string, ed25519: KeyObject, mlDsa44: KeyObject): LogKeys {
  // RFC 8037 §2 and RFC 9964 §3: both JWKs hold the seed.
  const parts = [ed25519.export({ format: 'jwk' }).d, mlDsa44.export({ format: 'jwk' })['priv' as 'd']];
  const seeds = Buffer.concat(parts.map((part) => Buffer.from(part ?? '', 'base64url')));
  if (seeds.length !== SIGNING_SEEDS_BYTES) throw usageError(`the keys of ${origin} hold no seeds`);
  const vkeys = [vkeyOf(origin, SIGNATURE_TYPE.ed25519, createPublicKey(ed25519)), vkeyOf(origin, SIGNATURE_TYPE.mlDsa44Cosignature, createPublicKey(mlDsa44))];
  return { seeds, vkeys: vkeys.map(({ name, type, publicKey }) => formatVkey(name, type, publicKey)) };
}

/** Throws KeyClientError; CliError when the key service has other keys afterwards. */
async function handOver(client: KeyClient, origin: string, { seeds, vkeys }: LogKeys, checkpoint: string | undefined): Promise<{ readonly signedSize: number }> {
  const { result: transport, keys: [bytes] } = await client.ask('wrap', { tenant: KEYS_SYSTEM_TENANT, purpose: KEYS_IMPORT_PURPOSE });
  const key = fieldKey({ keyId: transport.keyId, bytes: bytes!, usesMax: 1 });
  bytes!.fill(0);
  const sealed = sealField(key, { tenant: KEYS_SYSTEM_TENANT, table: 'signing-key', column: 'seeds', row: origin }, seeds);
  const { result } = await client.ask('import-signing-key', { origin, transport, sealed, ...(checkpoint === undefined ? {} : { checkpoint }) });
  if (result.vkeys.join() !== vkeys.join()) throw new CliError(EXIT.fault, 'KEYS_REPLY_INVALID', 'FAILED: KEYS_REPLY_INVALID: the key service has other keys than those that were handed over');
  return result;
}

const privateKey = (base64: string): KeyObject => createPrivateKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'pkcs8' });

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw usageError(`${path} cannot be read`);
  }
}
