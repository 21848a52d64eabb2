import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from './folder-of.js';
import { type Manifest, type WorkspacePackage, manifestFaults, packageOf } from './style/manifests.js';
import { parse, readSources } from './style/sources.js';

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T;
const sources = readSources(ROOT);
const folders = (readJson<{ references: ReadonlyArray<{ path: string }> }>('tsconfig.json')).references.map(({ path }) => path);

function readPackage(folder: string): WorkspacePackage {
  const { references } = readJson<{ references: ReadonlyArray<{ path: string }> }>(`${folder}/tsconfig.json`);
  return {
    folder,
    manifest: readJson<Manifest>(`${folder}/package.json`),
    references: references.map(({ path }) => posix.join(folder, path)),
    sources: sources.filter(({ path }) => path.startsWith(`${folder}/src/`)),
    tests: sources.filter(({ path }) => path.startsWith(`${folder}/test/`)),
  };
}

function peersOf(name: string): string[] {
  const path = `node_modules/${name}/package.json`;
  return existsSync(join(ROOT, path)) ? Object.keys(readJson<Manifest>(path).peerDependencies ?? {}) : [];
}

describe('manifestFaults', () => {
  const PINNED = { pg: '8.0.0', zod: '4.0.0' };
  const root: Manifest = { name: 'root', dependencies: PINNED, devDependencies: { jest: '30.0.0' } };
  const example = (text: string, dependencies: Record<string, string>, test = ''): WorkspacePackage => ({
    folder: 'libs/bus',
    manifest: { name: '@countersign/bus', dependencies },
    references: ['libs/chain'],
    sources: [parse('libs/bus/src/index.ts', text)],
    tests: [parse('libs/bus/test/index.spec.ts', test)],
  });

  it.each([
    ['pg is imported but not declared', example("import type { Pool } from 'pg';", {})],
    ['pg is imported by tests but not declared', example('', {}, "import { Pool } from 'pg';")],
    ['zod is declared but not used', example('', { zod: '4.0.0' })],
    ['pg has another version elsewhere', example("import 'pg';", { pg: '7.0.0' })],
    ['uuid is not pinned to one version', example("import 'uuid';", { uuid: '^14.0.0' })],
    ['tsconfig.json does not reference @countersign/postgres', example("import '@countersign/postgres';", { '@countersign/postgres': '0.1.0' })],
  ])('says: %s', (fault, one) => {
    expect(manifestFaults(one, root, PINNED, () => [])).toEqual([fault]);
  });

  it('allows what is declared, what Node provides, and the peers of a dependency', () => {
    const text = "import 'pg';\nimport 'node:fs';\nimport 'fs';\nimport './a.js';\nimport '@countersign/chain';";
    const one = example(text, { pg: '8.0.0', zod: '4.0.0', '@countersign/chain': '0.1.0' }, "import 'jest';\nimport '@countersign/bus';");
    expect(manifestFaults(one, root, PINNED, (name) => (name === 'pg' ? ['zod'] : []))).toEqual([]);
  });

  it.each([
    ['@nats-io/jetstream/internal', '@nats-io/jetstream'],
    ['zod/v4', 'zod'],
    ['./a.js', undefined],
    ['node:fs/promises', undefined],
    ['fs/promises', undefined],
  ])('reads the package of %s', (specifier, name) => {
    expect(packageOf(specifier)).toBe(name);
  });
});

describe('the packages of this repository', () => {
  it('are all built: each folder with a package.json is referenced by tsconfig.json', () => {
    const withCode = new Set(sources.flatMap(({ path }) => /^((?:libs|apps|examples)\/[^/]+|bench)\/src\//.exec(path)?.[1] ?? []));
    expect([...withCode].sort()).toEqual([...folders].sort());
  });

  const root = readJson<Manifest>('package.json');
  const pinned = Object.assign({}, ...folders.map((folder) => readPackage(folder).manifest.dependencies), root.devDependencies, root.dependencies) as Record<string, string>;

  it.each(folders)('%s declares what it imports', (folder) => {
    expect(manifestFaults(readPackage(folder), root, pinned, peersOf)).toEqual([]);
  });
});
