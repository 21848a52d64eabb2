// A boundary that cannot fail protects nothing: each rule must fire on a small tree that breaks it, and stay silent
// on a tree that keeps it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, folderOf, type Folder } from './folder-of.js';

interface Report {
  readonly summary: {
    readonly violations: ReadonlyArray<{ readonly from: string; readonly rule: { readonly name: string } }>;
    readonly ruleSetUsed: { readonly forbidden: ReadonlyArray<{ readonly name: string }> };
  };
}

const manifest = (name: string, dependencies: Record<string, string> = {}): string =>
  JSON.stringify({
    name: `@countersign/${name}`,
    version: '0.1.0',
    type: 'module',
    exports: { '.': { '@countersign/source': './src/index.ts', default: './dist/index.js' } },
    dependencies,
  });

const installed = (name: string): Record<string, string> => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
  [`node_modules/${name}/index.js`]: 'module.exports = {};',
});

/** What every case stands on: packages that keep all the rules. */
const KEPT: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'fixture', type: 'module', workspaces: ['libs/*', 'apps/*', 'bench'] }),
  'tsconfig.test.json': JSON.stringify({ compilerOptions: { module: 'nodenext', target: 'es2024', customConditions: ['@countersign/source'] } }),
  '.dependency-cruiser.mjs': `export { boundaries as default } from ${JSON.stringify(join(ROOT, 'tools/boundary-rules.mjs'))};`,
  ...installed('zod'),
  ...installed('@nestjs/common'),
  ...installed('pg'),
  'libs/chain/package.json': manifest('chain'),
  'libs/chain/src/index.ts': "import { hash } from 'node:crypto';\nexport * from './leaf.js';\nexport const root = hash;",
  'libs/chain/src/leaf.ts': 'export const leaf = 1; export type Leaf = number;',
  'libs/envelope/package.json': manifest('envelope'),
  'libs/envelope/src/index.ts': "import { hash } from 'node:crypto';\nexport const seal = hash;",
  'libs/access/package.json': manifest('access'),
  'libs/access/src/index.ts': "export * from './model.js';",
  'libs/access/src/model.ts': 'export const model = 1;',
  'libs/credentials/package.json': manifest('credentials'),
  'libs/credentials/src/index.ts': "import { open } from 'node:fs/promises';\nimport { hash } from 'node:crypto';\nexport { hash, open };",
  'libs/contracts/package.json': manifest('contracts', { zod: '1.0.0', '@countersign/chain': '0.1.0' }),
  'libs/contracts/src/index.ts': "import { z } from 'zod';\nimport type { Leaf } from '@countersign/chain';\nexport const schema: Leaf = z;",
  'libs/bus/package.json': manifest('bus', { '@countersign/contracts': '0.1.0' }),
  'libs/bus/src/index.ts': "export { schema } from '@countersign/contracts';",
  'libs/bus/test/bus.spec.ts': "import { schema } from '../src/index.js';\nexport { schema };",
  'apps/ledger/package.json': manifest('ledger', { '@countersign/bus': '0.1.0', '@nestjs/common': '1.0.0' }),
  'apps/ledger/src/main.ts': "import { schema } from '@countersign/bus';\nimport { Module } from '@nestjs/common';\nexport { schema, Module };",
  'apps/cli/package.json': manifest('cli'),
  'apps/cli/src/main.ts': 'export const cli = 1;',
  'bench/package.json': manifest('bench'),
  'bench/src/main.ts': 'export const bench = 1;',
  'examples/shop/package.json': manifest('shop', { '@countersign/contracts': '0.1.0' }),
  'examples/shop/src/main.ts': "import type { schema } from '@countersign/contracts';\nexport type { schema };",
  'test/whole.spec.ts': "import { schema } from '@countersign/bus';\nexport { schema };",
};

/** rule → the file that breaks it. */
const BROKEN: ReadonlyArray<readonly [rule: string, file: string, text: string]> = [
  ['no-cycle', 'libs/bus/src/egg.ts', "import { hen } from './hen.js';\nexport const egg: unknown = hen;"],
  ['no-app-to-app', 'apps/ledger/src/borrow.ts', "import { cli } from '../../cli/src/main.js';\nexport { cli };"],
  ['no-lib-to-app', 'libs/bus/src/upward.ts', "import { cli } from '../../../apps/cli/src/main.js';\nexport { cli };"],
  ['no-src-to-test', 'libs/bus/src/tested.ts', "import { schema } from '../test/bus.spec.js';\nexport { schema };"],
  ['chain-stands-alone', 'libs/chain/src/reads-files.ts', "import { readFileSync } from 'node:fs';\nexport { readFileSync };"],
  ['chain-stands-alone', 'libs/chain/src/reads-schemas.ts', "import type { z } from 'zod';\nexport type { z };"],
  ['envelope-stands-alone', 'libs/envelope/src/reads-files.ts', "import { readFileSync } from 'node:fs';\nexport { readFileSync };"],
  ['envelope-stands-alone', 'libs/envelope/src/hashes.ts', "import { leaf } from '@countersign/chain';\nexport { leaf };"],
  ['rules-stand-alone', 'libs/access/src/hashes.ts', "import { hash } from 'node:crypto';\nexport { hash };"],
  ['credentials-reach-nobody', 'libs/credentials/src/calls.ts', "import { request } from 'node:https';\nexport { request };"],
  ['credentials-reach-nobody', 'libs/credentials/src/publishes.ts', "import { schema } from '@countersign/bus';\nexport { schema };"],
  ['contracts-stay-pure', 'libs/contracts/src/hashes.ts', "import { hash } from 'node:crypto';\nexport { hash };"],
  ['contracts-take-only-types-from-chain', 'libs/contracts/src/runs.ts', "import { leaf } from '@countersign/chain';\nexport { leaf };"],
  ['no-deep-import', 'libs/bus/src/deep.ts', "import { leaf } from '../../chain/src/leaf.js';\nexport { leaf };"],
  ['no-deep-import', 'apps/ledger/test/deep.spec.ts', "import { leaf } from '../../../libs/chain/src/leaf.js';\nexport { leaf };"],
  ['no-deep-import-from-root', 'test/deep.spec.ts', "import { leaf } from '../libs/chain/src/leaf.js';\nexport { leaf };"],
  ['no-deep-import-from-root', 'bench/src/app.ts', "import { cli } from '../../apps/cli/src/main.js';\nexport { cli };"],
  ['no-framework-in-pure-libs', 'libs/chain/test/query.spec.ts', "import pg from 'pg';\nexport { pg };"],
  ['no-framework-in-adapters', 'libs/bus/src/bus.module.ts', "import { Module } from '@nestjs/common';\nexport { Module };"],
  ['examples-are-strangers', 'examples/shop/src/borrow.ts', "import { cli } from '../../../apps/cli/src/main.js';\nexport { cli };"],
  ['examples-are-strangers', 'examples/shop/src/inside.ts', "import { leaf } from '@countersign/chain';\nexport { leaf };"],
  ['no-unresolvable', 'apps/cli/src/nowhere.ts', "import { gone } from './gone.js';\nexport { gone };"],
  ['no-unresolvable', 'apps/cli/src/behind-exports.ts', "import { leaf } from '@countersign/chain/src/leaf.js';\nexport { leaf };"],
  ['no-undeclared-package', 'apps/cli/src/undeclared.ts', "import pg from 'pg';\nexport { pg };"],
  ['no-undeclared-package', 'bench/src/undeclared.ts', "import pg from 'pg';\nexport { pg };"],
];

function cruise(folder: Folder): Report {
  for (const lib of ['chain', 'contracts', 'bus']) {
    const link = folderLink(folder, lib);
    symlinkSync(link.target, link.path);
  }
  const cruiser = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const args = [cruiser, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'apps', 'libs', 'bench', 'examples', 'test'];
  const result = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
  return JSON.parse(result.stdout) as Report;
}

const folderLink = (folder: Folder, lib: string): { target: string; path: string } => ({
  target: join(folder.path, 'libs', lib),
  path: join(folder.path, 'node_modules/@countersign', lib),
});

describe('the import boundaries', () => {
  const kept = folderOf({ ...KEPT, 'node_modules/@countersign/.keep': '' });
  const broken = folderOf({
    ...KEPT,
    'node_modules/@countersign/.keep': '',
    'libs/bus/src/hen.ts': "import { egg } from './egg.js';\nexport const hen: unknown = egg;",
    ...Object.fromEntries(BROKEN.map(([, file, text]) => [file, text])),
  });
  let report: Report;
  beforeAll(() => {
    report = cruise(broken);
  });
  afterAll(() => {
    kept.dispose();
    broken.dispose();
  });

  it.each(BROKEN)('%s fires on %s', (rule, file) => {
    const fired = report.summary.violations.filter(({ from }) => from === file).map(({ rule: { name } }) => name);
    expect(fired).toContain(rule);
  });

  it('are silent on a tree that keeps them', () => {
    expect(cruise(kept).summary.violations).toEqual([]);
  });

  it('have a case here for every rule', () => {
    const proven = new Set(BROKEN.map(([rule]) => rule));
    expect(report.summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !proven.has(name))).toEqual([]);
  });
});
