// Rules on size and names: what can be read at one sitting, named by the problem instead of by a pattern.
import { posix } from 'node:path';
import ts from 'typescript';
import { type Finding, type Source, lineOf, walk } from './sources.js';

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 350;
const KEBAB_CASE = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const EMPTY_WORDS = new Set(['manager', 'managers', 'helper', 'helpers', 'util', 'utils', 'common', 'misc']);

/** The callback of `describe` is a chapter of tests, not a function that somebody has to hold in mind at once. */
function isChapterOfTests(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call)) return false;
  return /^describe\b/.test(call.expression.getText());
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function';
}

export function longFunctions(source: Source): Finding[] {
  const found: Finding[] = [];
  walk(source.ast, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isChapterOfTests(node)) return;
    const first = lineOf(source, node.getStart(source.ast));
    const lines = lineOf(source, node.getEnd()) - first + 1;
    if (lines > FUNCTION_LINES_MAX) {
      found.push({ rule: 'long-function', path: source.path, line: first, what: `${nameOf(node)} has ${lines} lines, ${FUNCTION_LINES_MAX} are allowed` });
    }
  });
  return found;
}

export function longFile(source: Source): Finding[] {
  const lines = source.text.replace(/\n$/, '').split('\n').length;
  if (lines <= FILE_LINES_MAX) return [];
  return [{ rule: 'long-file', path: source.path, line: lines, what: `${lines} lines, ${FILE_LINES_MAX} are allowed` }];
}

export function fileName(source: Source): Finding[] {
  return source.path
    .split('/')
    .filter((part) => !KEBAB_CASE.test(part))
    .map((part) => ({ rule: 'kebab-case', path: source.path, line: 1, what: `${part} is not kebab-case` }));
}

function isTypeDeclaration(node: ts.Node): node is ts.DeclarationStatement & { name: ts.Identifier } {
  const isKind = ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isEnumDeclaration(node);
  return isKind && node.name !== undefined;
}

export function emptyNames(source: Source): Finding[] {
  const found: Finding[] = [];
  const judge = (words: readonly string[], line: number, name: string): void => {
    const word = words.find((candidate) => EMPTY_WORDS.has(candidate.toLowerCase()));
    if (word !== undefined) found.push({ rule: 'empty-name', path: source.path, line, what: `"${word}" in ${name} says nothing about the problem` });
  };
  judge(posix.normalize(source.path).split(/[/.-]/), 1, source.path);
  walk(source.ast, (node) => {
    if (isTypeDeclaration(node)) judge(node.name.text.split(/(?=[A-Z])|_/), lineOf(source, node.getStart(source.ast)), node.name.text);
  });
  return found;
}
