import { open } from 'node:fs/promises';
import { Command } from 'commander';
import { ArchiveFault, verifyArchive, type ArchiveCheck, type ByteSource } from '@countersign/certificates';
import type { Vkey } from '@countersign/chain';
import { EXIT, type ExitCode } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { keysFrom } from '../keys.js';
import type { Output } from '../output.js';

interface Options {
  readonly json?: boolean;
  readonly key: readonly string[];
  readonly ledgerKey?: readonly string[];
}

export function archiveCommand(io: Io, ended: Ended): Command {
  const verify = new Command('verify')
    .argument('<file>', 'the archive of an export, a zip')
    .requiredOption('--key <key or file...>', 'public key of who signs certificates, or a file with keys')
    .option('--ledger-key <key or file...>', 'public keys of ledgers; of those that are not given the keys in the certified manifest count')
    .description('verify an archive offline: every byte of it, and that ledgers hold what it says; exit code 2 when something does not hold')
    .action((file: string, options: Options) => run(io, ended, options, (output) => verifyFile(file, options, output)));
  return new Command('archive').description('archives of what is held about a person').addCommand(withExamples(withJson(verify), ['retention archive verify export.zip --key certificates.pub', 'retention archive verify export.zip --key certificates.pub --ledger-key acme.csx.pub --json']));
}

async function verifyFile(file: string, { key, ledgerKey }: Options, output: Output): Promise<ExitCode> {
  const vkeysOf = (given: readonly string[]): Vkey[] => keysFrom(given).map(({ vkey }) => vkey);
  const handle = await open(file, 'r');
  try {
    const source: ByteSource = {
      bytes: (await handle.stat()).size,
      read: async (from, to) => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
        if (bytesRead < to - from) throw new Error(`${file} became shorter while it was read`);
        return buffer;
      },
    };
    return report(await verifyArchive(source, { certifiers: vkeysOf(key), ledgers: ledgerKey === undefined ? [] : vkeysOf(ledgerKey) }), output);
  } finally {
    await handle.close();
  }
}

function report({ manifest, signer, proofs, parts, faults }: ArchiveCheck, output: Output): ExitCode {
  const found = faults.map((fault) => ({ code: fault.code, message: fault.message, ...(fault instanceof ArchiveFault ? fault.place : {}) }));
  const [first] = found;
  if (first !== undefined) {
    output.result({ ok: false, error: first, faults: found }, () => found.map(({ code, message }) => `FAILED: ${code}: ${message}`));
    return EXIT.fault;
  }
  const { archive, request, subject, tenant, madeAt, files } = manifest!;
  output.result({ ok: true, signer, archive, request, tenant, subject, madeAt, files: files.length, proofs, parts }, () => [
    `OK: ${signer} has certified this archive of ${madeAt}, and every byte of it is as it was made`,
    `  request ${request} of ${subject}`,
    ...files.map(({ path, records }) => `  ${path}${records === undefined ? '' : `: ${records} records`}`),
    `  ${proofs} entries of ledgers are proved; of their parts ${parts.proved} by the entries, ${parts.certified} by the certificate alone`,
  ]);
  return EXIT.ok;
}
