import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Command } from 'commander';
import { ChainFault } from '@countersign/chain';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { ledgerPath } from '../ledger-api.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { withLedgerTarget } from '../target.js';
import { openLiveLedger } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';
import { withVerifier } from '../verify/options.js';
import { explainBreak } from '../verify/verify-live.js';
import { verifyStream } from '../verify/verify-stream.js';
import type { CheckedStream } from '../verify/verify-stream.js';
import { writeKeys } from './keys-public.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
  readonly tenant: string;
  readonly out: string;
}

export function exportCommand(io: Io, ended: Ended): Command {
  const command = withVerifier(withLedgerTarget(new Command('export')))
    .description('save a whole ledger in one file that verifies offline, after verifying it; its keys go to <file>.pub')
    .requiredOption('--tenant <name>', 'the ledger')
    .requiredOption('--out <file>', 'where to save it; written whole or not at all')
    .action((options: Options) => run(io, ended, options, (output) => exportLedger(options, io, output)));
  return withExamples(withJson(command), ['export --tenant acme --out acme.csx', 'export --tenant acme --out acme.csx --key acme.pub']);
}

async function exportLedger(options: Options, io: Io, output: Output): Promise<void> {
  const live = await openLiveLedger(options, io);
  const { api, tenant, keys, memory } = live;
  const progress = progressFor(output, `export ${tenant}`, 'events');
  const saved = await saveVerified(options.out, async (file) => {
    const onChunk = async (chunk: Uint8Array): Promise<void> => void (await file.writeFile(chunk));
    return verifyStream(api.stream(ledgerPath(tenant, '/export')), { keys, memory, progress, onChunk }).catch(async (error: unknown) => {
      throw await explainBreak(live, error);
    });
  });
  const keyFile = `${options.out}.pub`;
  await writeKeys(keyFile, keys.map(({ text }) => text));
  const { origin, treeSize, root, sha256, bytes } = saved;
  output.result({ ok: true, origin, tenant, treeSize, root: root.toString('base64'), sha256, bytes, file: options.out, keyFile, vkeys: keys.map(({ text }) => text) }, () => [
    `OK: ${origin}: ${count(treeSize)} events, ${count(bytes)} bytes, verified, saved as ${options.out}`,
    `  root ${root.toString('base64')}`,
    `  sha256 ${sha256} (of all lines but the last)`,
    `  public keys saved as ${keyFile}; verify anywhere with: countersign verify --file ${options.out} --key ${keyFile}`,
  ]);
}

/**
 * Writes beside the file and renames it only once it is verified and on disk. What does not verify stays as
 * `<file>.unverified`: it is evidence.
 */
async function saveVerified(path: string, write: (file: FileHandle) => Promise<CheckedStream>): Promise<CheckedStream> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    const saved = await write(file).finally(() => file.sync());
    await file.close();
    await rename(temporary, path);
    return saved;
  } catch (error) {
    await file.close();
    if (error instanceof ChainFault) await rename(temporary, `${path}.unverified`);
    else await rm(temporary, { force: true });
    throw error;
  }
}
