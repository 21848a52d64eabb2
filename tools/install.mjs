// Installs the locked dependencies when they are missing or the lock file changed since the last install.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runQuietly } from './child.mjs';
import { ROOT } from './workspace.mjs';

const STAMP = join(ROOT, 'node_modules', '.countersign-installed');

/** What an install depends on: the lock file and the platform whose binaries were chosen. */
function wantedStamp() {
  const lock = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');
  return `${lock} ${process.platform}-${process.arch}\n`;
}

export function isInstalled() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wantedStamp();
}

/** The npm that started this process, or the one on PATH when it was started without npm. */
function npmCommand() {
  const started = process.env.npm_execpath;
  return started !== undefined && basename(started) === 'npm-cli.js' ? [process.execPath, started] : ['npm'];
}

export async function install() {
  const [program, ...first] = npmCommand();
  // loglevel error: the engines warnings of packages meant for Node 24 are noise here, it is what runs them.
  // NODE_ENV and npm's omit setting could leave out the compiler or Node 24 itself.
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'];
  const code = await runQuietly(program, [...first, ...args], { cwd: ROOT, env: { ...process.env, npm_config_yes: 'true' } });
  if (code !== 0) throw new Error('npm ci failed: see its messages above. It needs the npm registry (or a mirror set in .npmrc) and a writable folder.');
  writeFileSync(STAMP, wantedStamp());
}
