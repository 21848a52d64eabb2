// What an image holds that no lock file names: Node, and the packages of Debian below it.
import { spawnSync } from 'node:child_process';

const LIMIT_MS = 60_000;
const OUTPUT_BYTES_MAX = 64 * 1_048_576;

/** Runs inside: every image has Node and nothing else to ask with. Distroless bases list each package in a file of its own. */
const SCRIPT = `
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const folder = '/var/lib/dpkg/status.d';
const files = ['/var/lib/dpkg/status', ...(existsSync(folder) ? readdirSync(folder).filter((name) => !name.includes('.md5')).map((name) => folder + '/' + name) : [])];
const status = files.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'));
const release = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path));
console.log(JSON.stringify({ node: process.versions.node, status, release: release === undefined ? '' : readFileSync(release, 'utf8') }));
`;

/**
 * Reads an image by a container without network, rights or anything to write.
 * @param {string} image its name
 * @param {string} [docker] the program
 * @returns {{ node: string, system: { id: string, version: string } | undefined, packages: { name: string, version: string, architecture: string }[] }}
 */
export function contentsOf(image, docker = 'docker') {
  const args = ['run', '--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--entrypoint', 'node', image, '-e', SCRIPT];
  const { status, stdout, stderr, error } = spawnSync(docker, args, { encoding: 'utf8', timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES_MAX });
  if (status !== 0) throw new Error(`${image} cannot be read: ${error?.message ?? stderr.trim()}`);
  const { node, status: texts, release } = JSON.parse(stdout);
  return { node, system: systemOf(release), packages: packagesOf(texts) };
}

/** Installed packages of dpkg's status texts (deb-control(5)), each once, by name. */
export function packagesOf(texts) {
  const found = new Map();
  for (const paragraph of texts.flatMap((text) => text.split(/\n{2,}/))) {
    const field = (name) => new RegExp(`^${name}: (.+)$`, 'm').exec(paragraph)?.[1];
    const [name, version, architecture, state] = ['Package', 'Version', 'Architecture', 'Status'].map(field);
    // What was removed leaves its configuration, and a paragraph; distroless says no state.
    if (name === undefined || version === undefined || (state !== undefined && !state.endsWith(' installed'))) continue;
    found.set(`${name} ${architecture}`, { name, version, architecture: architecture ?? 'all' });
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** By os-release(5). */
export function systemOf(release) {
  const value = (name) => new RegExp(`^${name}="?([^"\n]+)"?$`, 'm').exec(release)?.[1];
  const id = value('ID');
  return id === undefined ? undefined : { id, version: value('VERSION_ID') ?? 'unknown' };
}
