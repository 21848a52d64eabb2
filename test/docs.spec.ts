import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { configurationPage, PAGE, readPrograms, shownFiles } from '../tools/configuration/page.mjs';
import { listFiles, readSources } from './style/sources.js';

const ROOT = join(import.meta.dirname, '..');
const pages = listFiles(ROOT)
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** `## Fault codes` → `fault-codes`, as hosts of repositories make anchors. */
function anchorsOf(text: string): string[] {
  const titles = text.split('\n').filter((line) => /^#+ /.test(line));
  return titles.map((title) => title.replace(/^#+ /, '').toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-'));
}

function brokenLinks({ path, text }: { readonly path: string; readonly text: string }): string[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)].flatMap(([link, file = '', anchor]) => {
    const target = file === '' ? path : join(dirname(path), file);
    if (!existsSync(join(ROOT, target))) return [`${path}: ${link}`];
    if (anchor === undefined || anchorsOf(readFileSync(join(ROOT, target), 'utf8')).includes(anchor)) return [];
    return [`${path}: ${link}`];
  });
}

describe('documentation', () => {
  it('is there', () => {
    expect(pages.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/spec/ledger-format.md']));
  });

  it('links to files and headings that exist', () => {
    expect(pages.flatMap(brokenLinks)).toEqual([]);
  });

  it('says of every test of faults what it shows to survive', () => {
    const page = readFileSync(join(ROOT, 'docs/operations/what-survives.md'), 'utf8');
    const named = new Set([...page.matchAll(/`([a-z-]+)`/g)].map(([, name]) => `${name!}.faults.ts`));
    const tests = readdirSync(join(ROOT, 'test/faults')).filter((name) => name.endsWith('.faults.ts'));
    expect(tests.filter((name) => !named.has(name))).toEqual([]);
  });

  it('lists every decision and every runbook in its index', () => {
    for (const folder of ['docs/adr', 'docs/operations', 'docs/operations/runbooks']) {
      const index = readFileSync(join(ROOT, folder, 'README.md'), 'utf8');
      const listed = pages.filter(({ path }) => dirname(path) === folder && !path.endsWith('README.md')).map(({ path }) => path.slice(folder.length + 1));
      expect(listed.filter((name) => !index.includes(`(${name})`))).toEqual([]);
    }
  });

  it('tells every variable of every service as their schemas have it: "npm run configuration" writes the page', () => {
    expect(readFileSync(join(ROOT, PAGE), 'utf8')).toBe(configurationPage(ROOT));
    const readers = readSources(ROOT).filter(({ path, text }) => /^(apps|libs)\/[^/]+\/src\//.test(path) && /= z\.object\(\{\s*(\/\*\*[\s\S]*?\*\/\s*)?[A-Z0-9]+_[A-Z0-9_]+:/.test(text));
    expect(shownFiles()).toEqual(readers.map(({ path }) => path).toSorted());
    const told = readPrograms(ROOT).flatMap(({ variables, secrets }) => [...variables, ...secrets]);
    expect(told.length).toBeGreaterThan(130);
    expect(told.filter(({ meaning }) => meaning === '').map(({ name }) => name)).toEqual([]);
  });

  it('names metrics that the ledger has', () => {
    const code = readSources(ROOT).filter(({ path }) => path.startsWith('apps/ledger/src/')).map(({ text }) => text).join('\n');
    const named = new Set(pages.flatMap(({ text }) => text.match(/countersign_ledger_[a-z_]+/g) ?? []));
    const isThere = (metric: string): boolean => code.includes(metric) || code.includes(`'${metric.slice('countersign_ledger_'.length)}'`);
    expect([...named].filter((metric) => !isThere(metric.replace(/_(bucket|sum|count)$/, '')))).toEqual([]);
  });
});
