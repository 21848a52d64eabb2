// The typed lint rules must fire: a parser that has lost its types reports nothing and looks green.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT, folderOf } from './folder-of.js';

interface FileReport {
  readonly filePath: string;
  readonly messages: ReadonlyArray<{ readonly ruleId: string | null }>;
}

const BROKEN: ReadonlyArray<readonly [rule: string, text: string]> = [
  ['@typescript-eslint/no-floating-promises', 'export function a(work: () => Promise<void>): void {\n  work();\n}'],
  ['@typescript-eslint/no-floating-promises', 'export function a(work: () => Promise<void>): void {\n  void work();\n}'],
  ['@typescript-eslint/no-misused-promises', 'export const a = (work: () => Promise<boolean>): number => (work() ? 1 : 2);'],
  ['@typescript-eslint/await-thenable', 'export const a = async (n: number): Promise<number> => await n;'],
  ['@typescript-eslint/return-await', 'export async function a(work: () => Promise<void>): Promise<void> {\n  try {\n    return work();\n  } catch {\n    return undefined;\n  }\n}'],
  ['@typescript-eslint/no-explicit-any', 'export const a = (value: any): string => typeof value;'],
  ['@typescript-eslint/no-unsafe-assignment', "export const a: { b: number } = JSON.parse('{}');"],
  ['@typescript-eslint/only-throw-error', "export function a(): never {\n  throw 'text';\n}"],
  ['@typescript-eslint/switch-exhaustiveness-check', "export function a(kind: 'x' | 'y'): void {\n  switch (kind) {\n    case 'x':\n      break;\n  }\n}"],
  ['@typescript-eslint/no-unused-vars', 'const a = 1;\nexport {};'],
  ['eqeqeq', 'export const a = (b: unknown): boolean => b == 1;'],
  ['no-eval', "export const a: unknown = eval('1');"],
];

describe('the lint rules', () => {
  const names = BROKEN.map((_, at) => `case-${at}.ts`);
  const folder = folderOf({
    'eslint.config.mjs': `import { lintConfig } from ${JSON.stringify(join(ROOT, 'tools/lint-config.mjs'))};\nexport default lintConfig(import.meta.dirname);`,
    'tsconfig.test.json': JSON.stringify({
      compilerOptions: { strict: true, target: 'es2024', module: 'nodenext', types: [] },
      include: ['*.ts'],
    }),
    ...Object.fromEntries(BROKEN.map(([, text], at) => [names[at] ?? '', `${text}\n`])),
    'kept.ts': 'export async function kept(work: () => Promise<number>): Promise<number> {\n  return 1 + (await work());\n}\n',
    'muted.ts': '// eslint-disable-next-line eqeqeq\nexport const muted = (b: unknown): boolean => b == 1;\n',
  });
  const fired = new Map<string, ReadonlyArray<string | null>>();

  beforeAll(() => {
    symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
    const args = [join(ROOT, 'node_modules/eslint/bin/eslint.js'), '--format', 'json', '*.ts'];
    const result = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    for (const { filePath, messages } of JSON.parse(result.stdout) as FileReport[]) {
      fired.set(basename(filePath), messages.map(({ ruleId }) => ruleId));
    }
  });
  afterAll(() => folder.dispose());

  it.each(BROKEN.map(([rule], at) => [rule, names[at] ?? ''] as const))('%s fires on %s', (rule, file) => {
    expect(fired.get(file)).toContain(rule);
  });

  it('are silent on code that keeps them', () => {
    expect(fired.get('kept.ts')).toEqual([]);
  });

  it('cannot be muted by a comment', () => {
    expect(fired.get('muted.ts')).toContain('eqeqeq');
  });
});
