// The files that the style rules look at, each parsed once.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A source file: `path` is relative to the repository's root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

/** A file of any kind, for the rules that only read words. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** What a rule objects to. `line` counts from 1. */
export interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', '.nx', '.countersign']);
const CODE = /\.(ts|mts|mjs|js|cjs)$/;
const WORDS = /\.(ts|mts|mjs|js|cjs|json|md|yml|yaml|sql|sh|html|css|conf|toml)$|(^|\/)(run|Dockerfile|LICENSE|\.[a-z]+)$/;

export function parse(path: string, text: string): Source {
  const kind = path.endsWith('ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.ES2024, true, kind) };
}

/** Every file below `root` that is not installed, built or left behind by a run. */
export function listFiles(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listFiles(root, path);
    return entry.isFile() ? [path] : [];
  });
}

export function readSources(root: string): Source[] {
  const paths = listFiles(root).filter((path) => CODE.test(path) && !path.startsWith('testdata/'));
  return paths.map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

export function readTexts(root: string): TextFile[] {
  const paths = listFiles(root).filter((path) => WORDS.test(path) && path !== 'package-lock.json' && !path.startsWith('testdata/'));
  return paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

export function lineOf(source: Source, position: number): number {
  return source.ast.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` for the node and everything below it, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The text of each module that the file imports, exports from, or loads with a literal `import()`. */
export function importsOf(source: Source): ReadonlyArray<{ readonly specifier: string; readonly position: number }> {
  const found: Array<{ specifier: string; position: number }> = [];
  const add = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, position: node.getStart(source.ast) });
  };
  walk(source.ast, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
  });
  return found;
}
