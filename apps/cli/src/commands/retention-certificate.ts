import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { CertificateFault, verifyCertificate, type Certificate } from '@countersign/certificates';
import { deletionList } from '@countersign/contracts';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { keysFrom } from '../keys.js';
import type { Output } from '../output.js';

interface Options {
  readonly json?: boolean;
  readonly key?: readonly string[];
  readonly list?: string;
}

/** A statement has 64 Ki characters, a list 1,000 ids. */
const FILE_BYTES_MAX = 1024 * 1024;

export function certificateCommand(io: Io, ended: Ended): Command {
  const verify = new Command('verify')
    .argument('<file>', 'a certificate of deletion or of erasure')
    .requiredOption('--key <key or file...>', 'public key of who signs certificates, or a file with keys')
    .option('--list <file>', 'ids of what was deleted, one a line: checked against the certificate')
    .description('verify a certificate offline; exit code 2 when it does not hold')
    .action((file: string, options: Options) => run(io, ended, options, (output) => verifyFile(file, options, output)));
  return new Command('certificate').description('certificates of what was deleted or erased').addCommand(withExamples(withJson(verify), ['retention certificate verify order.certificate --key certificates.pub', 'retention certificate verify order.certificate --list ids.txt --key certificates.pub']));
}

async function verifyFile(file: string, { key = [], list }: Options, output: Output): Promise<void> {
  const certificate = verified(read(file), keysFrom(key).map(({ vkey }) => vkey));
  if (list !== undefined) requireList(certificate, read(list));
  const { kind, signer, statement } = certificate;
  output.result({ ok: true, kind, signer, statement, listChecked: list !== undefined }, () => [
    `OK: ${signer} has signed this certificate of ${kind}`,
    ...Object.entries(statement).map(([name, value]) => `  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ...(list === undefined ? [] : ['  the list is the one that it names']),
  ]);
}

function verified(note: string, keys: Parameters<typeof verifyCertificate>[1]): Certificate {
  try {
    return verifyCertificate(note, keys);
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error;
    throw fault(error.code, error.message);
  }
}

function requireList({ kind, statement }: Certificate, text: string): void {
  const { listSha256 } = statement;
  if (kind !== 'deletion' || typeof listSha256 !== 'string') throw usageError('only a certificate of deletion names a list');
  const ids = text.split('\n').filter((line) => line !== '');
  if (createHash('sha256').update(deletionList(ids)).digest('hex') !== listSha256) throw fault('CERTIFICATE_LIST_MISMATCH', 'the list is not the one that the certificate names');
}

function read(file: string): string {
  if (statSync(file).size > FILE_BYTES_MAX) throw usageError(`${file} is over ${FILE_BYTES_MAX} bytes`);
  return readFileSync(file, 'utf8');
}

const fault = (code: string, message: string): CliError => new CliError(EXIT.fault, code, `FAILED: ${code}: ${message}`);
