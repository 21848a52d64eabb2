// Compares what a package imports with what its package.json and tsconfig.json declare.
import { builtinModules } from 'node:module';
import { type Source, importsOf } from './sources.js';

// A range would let npm on an old Node choose an older release.
const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A workspace package: `folder` such as `libs/bus`, `references` the folders that its tsconfig.json builds on. */
export interface WorkspacePackage {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly references: readonly string[];
  readonly sources: readonly Source[];
  readonly tests: readonly Source[];
}

/** `@scope/name/deep` → `@scope/name`; undefined for neighbours and for what Node itself provides. */
export function packageOf(specifier: string): string | undefined {
  if (/^[./#]/.test(specifier) || specifier.startsWith('node:') || builtinModules.includes(specifier)) return undefined;
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function packagesUsedBy(sources: readonly Source[]): Set<string> {
  const names = sources.flatMap((source) => importsOf(source).map(({ specifier }) => packageOf(specifier)));
  return new Set(names.filter((name) => name !== undefined));
}

/**
 * Says how a manifest lies about its package.
 * @param root the manifest of the whole repository, which declares what every test may use
 * @param pinned the version of each package that another manifest of the repository names
 * @param peersOf names that an installed package expects its user to install beside it
 */
export function manifestFaults(
  one: WorkspacePackage,
  root: Manifest,
  pinned: Readonly<Record<string, string>>,
  peersOf: (name: string) => readonly string[],
): string[] {
  const declared = one.manifest.dependencies ?? {};
  const forTests = { ...root.devDependencies, ...declared, ...one.manifest.devDependencies, [one.manifest.name]: '' };
  const used = packagesUsedBy(one.sources);
  // A package may also be found by its path (require.resolve): then its name stands in a string.
  const isNamed = (name: string): boolean => one.sources.some(({ text }) => text.includes(`'${name}`));
  const peers = new Set(Object.keys(declared).flatMap(peersOf));
  return [
    ...[...used].filter((name) => !(name in declared)).map((name) => `${name} is imported but not declared`),
    ...[...packagesUsedBy(one.tests)].filter((name) => !(name in forTests)).map((name) => `${name} is imported by tests but not declared`),
    ...Object.keys(declared).filter((name) => !used.has(name) && !peers.has(name) && !isNamed(name)).map((name) => `${name} is declared but not used`),
    ...Object.entries(declared).filter(([, version]) => !EXACT_VERSION.test(version)).map(([name]) => `${name} is not pinned to one version`),
    ...Object.entries(declared).filter(([name, version]) => version !== (pinned[name] ?? version)).map(([name]) => `${name} has another version elsewhere`),
    ...[...used].filter((name) => name.startsWith('@countersign/') && !one.references.includes(`libs/${name.slice('@countersign/'.length)}`)).map((name) => `tsconfig.json does not reference ${name}`),
  ];
}
