import { describe, expect, it } from '@jest/globals';
import { ROOT } from './folder-of.js';
import { EXCEPTIONS, applyExceptions } from './style/exceptions.js';
import { judgeSource, judgeText } from './style/judge.js';
import { type Finding, parse, readSources, readTexts } from './style/sources.js';
import { unusedFiles } from './style/unused-files.js';

const lines = (count: number, line = '  step();'): string => Array.from({ length: count }, () => line).join('\n');
const rulesBrokenBy = (path: string, text: string): string[] => [...new Set(judgeSource(parse(path, text)).map(({ rule }) => rule))];
const show = ({ rule, path, line, what }: Finding): string => `${path}:${line} ${rule}: ${what}`;

const BAD: ReadonlyArray<readonly [rule: string, path: string, text: string]> = [
  ['long-function', 'libs/bus/src/a.ts', `export function long(): void {\n${lines(70)}\n}`],
  ['long-function', 'libs/bus/src/a.ts', `export const long = (): void => {\n${lines(70)}\n};`],
  ['long-function', 'libs/bus/src/a.ts', `export class A {\n  run(): void {\n${lines(70)}\n  }\n}`],
  ['long-file', 'libs/bus/src/a.ts', lines(351, 'step();')],
  ['kebab-case', 'libs/bus/src/pullLoop.ts', ''],
  ['kebab-case', 'libs/bus/src/Pull/loop.ts', ''],
  ['kebab-case', 'libs/bus/src/pull_loop.ts', ''],
  ['empty-name', 'libs/bus/src/pull-helpers.ts', ''],
  ['empty-name', 'libs/bus/src/utils/pull.ts', ''],
  ['empty-name', 'libs/bus/src/common.ts', ''],
  ['empty-name', 'libs/bus/src/a.ts', 'export class ConnectionManager {}'],
  ['empty-name', 'libs/bus/src/a.ts', 'export interface PullHelper {}'],
  ['lone-import', 'libs/chain/src/a.ts', "import { readFileSync } from 'node:fs';"],
  ['lone-import', 'libs/chain/src/a.ts', "import { hash } from 'crypto';"],
  ['lone-import', 'libs/chain/src/a.ts', "import type { z } from 'zod';"],
  ['lone-import', 'libs/chain/src/a.ts', "export * from '@nestjs/common';"],
  ['lone-import', 'libs/chain/src/a.ts', "export const pg = await import('pg');"],
  ['lone-import', 'libs/envelope/src/a.ts', "import { hash } from '@countersign/chain';"],
  ['lone-import', 'libs/access/src/a.ts', "import { hash } from 'node:crypto';"],
  ['clock-or-dice', 'libs/access/src/a.ts', 'export const at = Date.now();'],
  ['clock-or-dice', 'libs/envelope/src/a.ts', "import { randomFillSync } from 'node:crypto';"],
  ['clock-or-dice', 'libs/chain/src/a.ts', 'export const at = Date.now();'],
  ['clock-or-dice', 'libs/chain/src/a.ts', 'export const at = new Date();'],
  ['clock-or-dice', 'libs/contracts/src/a.ts', 'export const dice = Math.random();'],
  ['clock-or-dice', 'libs/contracts/src/a.ts', "import { randomUUID } from 'node:crypto';"],
  ['clock-or-dice', 'libs/chain/src/a.ts', 'export const salt = crypto.randomBytes(32);'],
  ['stray-decorator', 'apps/ledger/src/append/append.ts', '@Injectable()\nexport class Append {}'],
  ['unfinished', 'libs/bus/src/a.ts', '// TODO: later\nexport {};'],
  ['unfinished', 'libs/bus/src/a.ts', 'export const a = 1; /* FIXME */'],
  ['silenced', 'libs/bus/src/a.ts', '// eslint-disable-next-line\nexport {};'],
  ['silenced', 'libs/bus/src/a.ts', 'export function a(): void {\n  // @ts-ignore\n}'],
  ['silenced', 'libs/bus/src/a.ts', '// @ts-nocheck\nexport {};'],
  ['bare-expect', 'libs/bus/test/a.spec.ts', 'expect(1 === 2);'],
  ['bare-expect', 'libs/bus/test/a.spec.ts', 'expect(answer).toBe;'],
  ['bare-expect', 'libs/bus/test/a.spec.ts', 'await expect(answer).resolves;'],
  ['bare-expect', 'libs/bus/test/a.spec.ts', 'check(expect(answer));'],
  ['vague-throw', 'libs/bus/test/a.spec.ts', 'expect(() => admit(event)).toThrow();'],
  ['vague-throw', 'libs/bus/test/a.spec.ts', 'await expect(emit(event)).rejects.toThrow();'],
  ['switched-test', 'libs/bus/test/a.spec.ts', "it.skip('works', () => {});"],
  ['switched-test', 'libs/bus/test/a.spec.ts', "describe.only('it', () => {});"],
  ['switched-test', 'libs/bus/test/a.spec.ts', "test.todo('write me');"],
  ['switched-test', 'libs/bus/test/a.spec.ts', "it.skip.each([1])('%s', () => {});"],
  ['switched-test', 'libs/bus/test/a.spec.ts', "xit('works', () => {});"],
  ['mock', 'libs/bus/test/a.spec.ts', 'const publish = jest.fn();'],
  ['mock', 'libs/bus/test/a.spec.ts', "jest.mock('../src/a.js');"],
  ['mock', 'libs/bus/test/a.spec.ts', "jest.spyOn(store, 'append');"],
];

const GOOD: ReadonlyArray<readonly [why: string, path: string, text: string]> = [
  ['seventy lines in one function', 'libs/bus/src/a.ts', `export function long(): void {\n${lines(68)}\n}`],
  ['a chapter of tests may be long', 'libs/bus/test/a.spec.ts', `describe('a', () => {\n${lines(100)}\n});`],
  ['node:crypto and neighbours', 'libs/chain/src/a.ts', "import { hash } from 'node:crypto';\nexport * from './leaf.js';"],
  ['a date made from an argument', 'libs/chain/src/a.ts', 'export const day = (ms: number): Date => new Date(ms);'],
  ['the clock at the edge', 'apps/ledger/src/main.ts', 'export const at = Date.now();'],
  ['a decorator where wiring lives', 'apps/ledger/src/app.module.ts', '@Module({})\nexport class AppModule {}'],
  ['words inside strings', 'libs/bus/src/a.ts', "export const words = ['TODO', '@ts-ignore'];"],
  ['matchers, also negated and awaited', 'libs/bus/test/a.spec.ts', 'expect(a).toBe(b);\nexpect(a).not.toThrow();\nawait expect(p).rejects.toMatchObject({ code: 1 });'],
  ['words that only contain a banned word', 'libs/chain/src/utility.ts', 'export const commonPrefix = 1;'],
];

const FOREIGN: ReadonlyArray<readonly [why: string, text: string]> = [
  ['a path of one machine', `see ${'/work'}/main/docs`],
  ['a path outside the repository', `${'../shared'}/design/style.md`],
  ['the host of a registry', `https://${'registry.npmjs'}.org/zod`],
  ['the number of a ticket', `as ${'issue'} #12 asks`],
];

describe('the style rules', () => {
  it.each(BAD.map(([rule, path, text]) => [rule, path, text.split('\n')[0], text] as const))('%s objects in %s to: %s', (rule, path, _start, text) => {
    expect(rulesBrokenBy(path, text)).toContain(rule);
  });

  it.each(GOOD)('allow %s', (_why, path, text) => {
    expect(rulesBrokenBy(path, text)).toEqual([]);
  });

  it.each(FOREIGN)('object to %s in any file', (why, text) => {
    const [finding] = judgeText({ path: 'docs/a.md', text: `first line\n${text}\n` });
    expect(finding).toMatchObject({ rule: 'foreign-word', line: 2, what: expect.stringContaining(why) });
  });

  it('find a source file that nothing leads to, and follow imports, manifests and paths in strings', () => {
    const files = {
      'libs/bus/src/index.ts': "export * from './loop.js';\nexport const worker = new URL('./worker.js', import.meta.url);",
      'libs/bus/src/loop.ts': '',
      'libs/bus/src/worker.ts': '',
      'libs/bus/src/orphan.ts': "export * from './loop.js';",
      'libs/bus/test/loop.spec.ts': "import { stack } from './stack.js';",
      'libs/bus/test/stack.ts': '',
      'libs/bus/test/loop.test.ts': '',
      'tools/start.mjs': "spawn('node tools/step.mjs');",
      'tools/step.mjs': '',
    };
    const sources = Object.entries(files).map(([path, text]) => parse(path, text));
    const manifest = { path: 'package.json', text: '{"scripts": {"start": "node tools/start.mjs"}}' };
    expect(unusedFiles(sources, [manifest]).map(({ path }) => path)).toEqual(['libs/bus/src/orphan.ts', 'libs/bus/test/loop.test.ts']);
  });

  it('excuse only what an exception names, and report an exception that excuses nothing', () => {
    const finding: Finding = { rule: 'long-file', path: 'libs/bus/src/a.ts', line: 400, what: '400 lines' };
    const used = { rule: 'long-file', path: /^libs\/bus\/src\/a\.ts$/, why: 'a table' };
    const stale = { rule: 'long-file', path: /^libs\/bus\/src\/gone\.ts$/, why: 'a table' };
    expect(applyExceptions([finding], [used, stale])).toEqual({ standing: [], stale: [stale] });
    expect(applyExceptions([finding], [stale]).standing).toEqual([finding]);
  });
});

describe('this repository', () => {
  const sources = readSources(ROOT);
  const texts = readTexts(ROOT);
  const manifests = texts.filter(({ path }) => path.endsWith('package.json') || path === 'nx.json');
  const findings = [...sources.flatMap(judgeSource), ...texts.flatMap(judgeText), ...unusedFiles(sources, manifests)];
  const { standing, stale } = applyExceptions(findings, EXCEPTIONS);

  it('was read', () => {
    expect(sources.map(({ path }) => path)).toEqual(expect.arrayContaining(['libs/chain/src/index.ts', 'tools/run.mjs', 'test/style.spec.ts']));
  });

  it('keeps the style rules', () => {
    expect(standing.map(show)).toEqual([]);
  });

  it('has no stale exceptions', () => {
    expect(stale).toEqual([]);
  });
});
