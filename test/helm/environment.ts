import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPrograms } from '../../tools/configuration/page.mjs';
import { ROOT } from '../folder-of.js';
import type { Pod } from './manifests.js';

const MOUNT = '/run/secrets/countersign/';

/** Titles of the schemas that a component reads, as the page of variables has them. */
const TITLES: Readonly<Record<string, readonly string[]>> = {
  edge: ['Edge', 'Traces'],
  identity: ['Identity', 'Where secrets are', 'Vault', 'Traces'],
  keys: ['Keys', 'Root key in a sealed file', 'Root key in AWS KMS', 'Root key in a Vault', 'Where secrets are', 'Vault', 'Traces'],
  ledger: ['Ledger', 'Where secrets are', 'Vault', 'Traces'],
  retention: ['Retention', 'Where secrets are', 'Vault', 'Traces'],
  'bus-provision': ['Provisioning of the bus'],
  'bus-keeper': ['Provisioning of the bus'],
  ...Object.fromEntries(['ledger', 'keys', 'identity', 'retention'].map((name) => [`provision-${name}`, [`Provisioning of ${name}`]])),
  ...Object.fromEntries(['ledger', 'keys', 'identity', 'retention'].map((name) => [`migrate-${name}`, [`Migrations of ${name}`]])),
};
const programs = readPrograms(ROOT);
/** Commands of the command line that a component runs. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = { backup: ['serve', 'drill'], 'provision-backup': ['provision'], archive: ['provision'] };
/** Read by all of them that use the bus. */
const TLS_DIR = 'COUNTERSIGN_NATS_TLS_DIR';

/** What the help of the component's commands names. */
const variablesOf = (commands: readonly string[]): ReadonlySet<string> =>
  new Set([TLS_DIR, ...commands.flatMap((command) => execFileSync(process.execPath, [join(ROOT, 'apps/cli/dist/main.js'), 'backup', command, '--help'], { encoding: 'utf8' }).match(/(?<=env\s+)[A-Z_0-9]+/g) ?? [])]);

export function environmentOf({ spec }: Pod): Readonly<Record<string, string>> {
  return Object.fromEntries((spec.containers[0]?.env ?? []).map(({ name, value = '' }) => [name, value]));
}

/** Variables that the component has and its program does not know, and those that it must have and has not. */
export function variableFaults(pod: Pod): string[] {
  const commands = COMMANDS[pod.component];
  if (commands !== undefined) {
    const known = variablesOf(commands);
    return Object.keys(environmentOf(pod)).filter((name) => !known.has(name)).map((name) => `${pod.component}: ${name} is not known`);
  }
  const shown = programs.filter(({ title }) => TITLES[pod.component]?.includes(title));
  if (shown.length === 0) return [`${pod.component}: its variables are not known`];
  const own = shown.filter(({ title }) => !['Where secrets are', 'Vault'].includes(title) && !title.startsWith('Root key'));
  const known = new Set(shown.flatMap(({ variables, secrets }) => [...variables.map(({ name }) => name), ...secrets.flatMap(({ name }) => [`${name}_FILE`, `${name}_SECRET`])]));
  const has = Object.keys(environmentOf(pod));
  const needed = own.flatMap(({ variables, secrets }) => [...variables.filter(({ isRequired }) => isRequired).map(({ name }) => name), ...secrets.filter(({ isRequired }) => isRequired).map(({ name }) => `${name}_FILE`)]);
  return [
    ...has.filter((name) => !known.has(name)).map((name) => `${pod.component}: ${name} is not known`),
    ...has.filter((name, index) => has.indexOf(name) !== index).map((name) => `${pod.component}: ${name} is there twice`),
    ...needed.filter((name) => !has.includes(name)).map((name) => `${pod.component}: ${name} is missing`),
  ];
}

/** Reads the environment as the service itself would, with files in the folder standing for its mounted secrets. Throws what the service would. */
export async function readAsService(pod: Pod, folder: string): Promise<unknown> {
  const env = Object.entries(environmentOf(pod)).map(([name, value]) => {
    if (!value.startsWith(MOUNT)) return [name, value] as const;
    const file = join(folder, pod.component, value.slice(MOUNT.length));
    mkdirSync(join(folder, pod.component), { recursive: true });
    writeFileSync(file, 'what is mounted');
    return [name, file] as const;
  });
  // As it lies in the image: the build comes before the tests.
  const { readConfig } = (await import(join(ROOT, `apps/${pod.component}/dist/config.js`))) as { readonly readConfig: (env: Readonly<Record<string, string>>) => unknown };
  return readConfig(Object.fromEntries(env));
}

/** Keys of mounted secrets that a variable names and the volume does not have. */
export function unmountedFiles(pod: Pod): string[] {
  const mounts = pod.spec.containers[0]?.volumeMounts ?? [];
  const items = (mountPath: string): ReadonlySet<string> | undefined => {
    const name = mounts.find((mount) => mount.mountPath === mountPath)?.name;
    const volume = pod.spec.volumes?.find((one) => one.name === name);
    return volume?.secret?.items === undefined ? undefined : new Set(volume.secret.items.map(({ path }) => path));
  };
  const files = Object.values(environmentOf(pod)).filter((value) => value.startsWith(MOUNT));
  const mounted = items(MOUNT.slice(0, -1));
  return files.filter((file) => mounted !== undefined && !mounted.has(file.slice(MOUNT.length))).map((file) => `${pod.component}: ${file}`);
}
