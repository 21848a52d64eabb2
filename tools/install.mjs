// Installs the locked dependencies when they are missing or what they depend on changed since the last install.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runQuietly } from './child.mjs';
import { ROOT } from './workspace.mjs';

const STAMP = join(ROOT, 'node_modules', '.countersign-installed');
// npm writes its own lock file into node_modules when an install has ended well.
const HIDDEN_LOCK = join(ROOT, 'node_modules', '.package-lock.json');
const PLATFORM_LINE = `${process.platform}-${process.arch}\n`;

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** The manifests of the root and of every workspace. */
function manifests() {
  const below = (folder) => (existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)).map((name) => join(folder, name)) : []);
  const folders = ['.', 'bench', ...below('apps'), ...below('libs'), ...below('examples')];
  return folders.map((folder) => join(ROOT, folder, 'package.json')).filter((file) => existsSync(file));
}

/** What an install depends on: the lock file, the manifests, and the platform whose binaries were chosen. */
function wantedStamp() {
  const hash = createHash('sha256');
  for (const file of [join(ROOT, 'package-lock.json'), ...manifests().sort()]) hash.update(readFileSync(file));
  return `${hash.digest('hex')} ${PLATFORM_LINE}`;
}

/**
 * Whether npm itself left the locked tree here, as `npm install` does after a change of the lock file: reinstalling
 * would pull node_modules from under programs that run.
 * @typedef {{packages: Record<string, {version?: string, optional?: boolean, link?: boolean}>}} Lock
 * @param {Lock} lock package-lock.json
 * @param {Lock} hidden npm's record of what is installed
 */
export function holdsLocked(lock, hidden) {
  const isHere = ([path, { version, optional }]) => {
    if (path === '') return true;
    const found = hidden.packages[path];
    return found === undefined ? optional === true : found.version === version;
  };
  return Object.entries(lock.packages).every(isHere) && Object.keys(hidden.packages).every((path) => path in lock.packages);
}

export function isInstalled() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wantedStamp()) return true;
  // A stamp of another platform or none at all: only npm's own record of this folder can vouch for it.
  if (!existsSync(HIDDEN_LOCK)) return false;
  const isMoved = existsSync(STAMP) && !readFileSync(STAMP, 'utf8').endsWith(PLATFORM_LINE);
  if (isMoved || !holdsLocked(readJson(join(ROOT, 'package-lock.json')), readJson(HIDDEN_LOCK))) return false;
  writeFileSync(STAMP, wantedStamp());
  return true;
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
