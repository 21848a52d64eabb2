import { createReadStream, readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { usageError } from '../exit-code.js';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { keysFrom } from '../keys.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { withLedgerTarget } from '../target.js';
import { memoryOf } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';
import { readReceipt, verifyReceipt } from '../verify/destruction-receipt.js';
import { verifyLive } from '../verify/verify-live.js';
import { verifyProofFile } from '../verify/verify-proof-file.js';
import { verifyStream } from '../verify/verify-stream.js';
import type { CheckedStream } from '../verify/verify-stream.js';
import { withVerifier } from '../verify/options.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
  readonly file?: string;
  readonly proof?: string;
  readonly receipt?: string;
}

/** A proof file with a checkpoint of a hundred witnesses stays below. */
const PROOF_BYTES_MAX = 2 * 1024 * 1024;

export function verifyCommand(io: Io, ended: Ended): Command {
  const command = withVerifier(withLedgerTarget(new Command('verify')))
    .description('verify a running ledger, an export file, a proof file or a destruction receipt; exit code 2 when a fault is found')
    .option('--tenant <name>', 'the ledger to verify, over its whole history')
    .option('--file <export.csx>', 'an export file, verified offline with --key')
    .option('--proof <event.tlog-proof>', 'a proof file, verified offline with --key')
    .option('--receipt <file>', 'a receipt of a destroyed key, verified offline with --key')
    .action((options: Options) => run(io, ended, options, (output) => verify(options, io, output)));
  return withExamples(withJson(command), [
    'verify --tenant acme',
    'verify --file acme.csx --key acme.csx.pub',
    "verify --file acme.csx --key 'audit.example.com/acme+1c2d3e4f+AW…'",
    'verify --proof 0198c7a2-….tlog-proof --key acme.csx.pub',
    'verify --receipt user-17.receipt --key user-17.receipt.pub',
  ]);
}

function verify(options: Options, io: Io, output: Output): Promise<void> {
  const { tenant, file, proof, receipt } = options;
  const given = [tenant, file, proof, receipt].filter((one) => one !== undefined);
  if (given.length !== 1) throw usageError('give exactly one of --tenant, --file, --proof and --receipt');
  if (file !== undefined) return verifyFile(file, options, io, output);
  if (proof !== undefined) return verifyProof(proof, options, io, output);
  return receipt === undefined ? verifyTenant(options, io, output) : verifyReceiptFile(receipt, options, output);
}

async function verifyTenant(options: Options, io: Io, output: Output): Promise<void> {
  const checked = await verifyLive(options, io, output);
  const newer = Math.max(0, checked.live.view.treeSize - checked.treeSize);
  const later = newer === 0 ? [] : [`  ${count(newer)} newer events are recorded; the next checkpoint will cover them`];
  output.result({ ...documentOf(checked), ledgerVerdict: checked.live.view.verdict?.verdict ?? null }, () => [...linesOf(checked), ...later]);
}

async function verifyFile(file: string, options: Options, io: Io, output: Output): Promise<void> {
  const keys = requireKeys(options);
  statSync(file);
  const progress = progressFor(output, 'verify', 'events');
  const checked = await verifyStream(createReadStream(file, { highWaterMark: 256 * 1024 }), { keys, memory: memoryOf(options, io), progress });
  output.result(documentOf(checked), () => linesOf(checked));
}

async function verifyProof(file: string, options: Options, io: Io, output: Output): Promise<void> {
  const keys = requireKeys(options);
  if (statSync(file).size > PROOF_BYTES_MAX) throw usageError(`${file} is over ${PROOF_BYTES_MAX} bytes: no proof file`);
  const { entry, leafHash, leafIndex, checkpoint } = verifyProofFile(readFileSync(file, 'utf8'), keys, memoryOf(options, io));
  const document = { ok: true, origin: checkpoint.origin, leafIndex, eventHash: leafHash.toString('hex'), treeSize: checkpoint.treeSize, entry };
  output.result(document, () => [
    `OK: ${entry.type} ${entry.id} is entry ${count(leafIndex)} of ${checkpoint.origin}, in a signed tree of ${count(checkpoint.treeSize)}`,
    `  ${entry.time} ${entry.severity} ${entry.outcome} by ${entry.actor.type} ${entry.actor.id}, recorded ${entry.recordedAt}`,
  ]);
}

async function verifyReceiptFile(file: string, options: Options, output: Output): Promise<void> {
  const keys = requireKeys(options);
  const { signer, tenant, subject, keyId, orderedAt } = verifyReceipt(readReceipt(file), keys);
  output.result({ ok: true, signer, tenant, subject, ...(keyId === undefined ? {} : { keyId }), orderedAt }, () => [
    `OK: ${signer} has signed that ${JSON.stringify(subject)} of ${tenant} has no key any more`,
    `  ${keyId === undefined ? 'there was no key, and none will be made' : `key ${keyId} was destroyed`}; ordered ${orderedAt}`,
  ]);
}

function requireKeys({ key }: Options): ReturnType<typeof keysFrom> {
  if (key === undefined || key.length === 0) throw usageError('give the public key with --key: a file is not to be believed about its own key');
  return keysFrom(key);
}

function documentOf(checked: CheckedStream): object {
  const { origin, tenant, treeSize, root, sha256, bytes, seconds, consistentWith, lastRecordedAt } = checked;
  const signed = checked.checkpoint.timestampSeconds;
  return { ok: true, origin, tenant, treeSize, root: root.toString('base64'), lastRecordedAt, signedAt: isoOf(signed), consistentWith, sha256, bytes, seconds: Number(seconds.toFixed(3)) };
}

function linesOf(checked: CheckedStream): string[] {
  const { origin, treeSize, root, seconds, consistentWith, checkpoint } = checked;
  const before = consistentWith === undefined ? 'the first tree that this verifier saw' : `extends the tree of ${count(consistentWith)} that was seen before`;
  const signed = isoOf(checkpoint.timestampSeconds);
  return [
    `OK: ${origin}: ${count(treeSize)} events, every hash, link, part and signature holds`,
    `  root ${root.toString('base64')}${signed === undefined ? '' : `, signed ${signed}`}`,
    `  ${before}`,
    `  ${seconds.toFixed(2)} s, ${count(Math.round(treeSize / Math.max(seconds, 0.001)))} events/s`,
  ];
}

function isoOf(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
}
