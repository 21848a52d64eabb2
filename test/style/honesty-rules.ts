// Rules against code that looks finished, checked or tested and is not.
import ts from 'typescript';
import { type Finding, type Source, type TextFile, lineOf, walk } from './sources.js';

const UNFINISHED = /\b(TODO|FIXME|XXX|HACK)\b/;
const SILENCED = /eslint-disable|@ts-ignore|@ts-nocheck/;
const SWITCHES = new Set(['skip', 'only', 'todo', 'failing']);
const TEST_WORDS = new Set(['it', 'test', 'describe']);
const SWITCHED_WORDS = new Set(['xit', 'xtest', 'xdescribe', 'fit', 'fdescribe']);
const MOCK_MAKERS = new Set(['fn', 'mock', 'spyOn', 'doMock', 'unstable_mockModule', 'replaceProperty', 'createMockFromModule', 'mocked']);
const THROW_MATCHERS = new Set(['toThrow', 'toThrowError']);

// A path of somebody's machine or the host of a registry works there and nowhere else.
const FOREIGN: ReadonlyArray<readonly [RegExp, string]> = [
  [/(^|[\s"'`(=:])\/(work|farm)\//m, 'a path of one machine'],
  [/\.\.\/shared\//, 'a path outside the repository'],
  [/registry\.(npmjs|yarnpkg)\.|registry\.npm\b|deb\.debian\.org|proxy\.golang\.org/, 'the host of a registry'],
  [/\b(issue|ticket) #?\d+\b/i, 'the number of a ticket'],
];

/** Each comment once: its text and where it starts. */
function commentsOf(source: Source): ReadonlyArray<{ readonly text: string; readonly position: number }> {
  const found = new Map<number, string>();
  const keep = (ranges: readonly ts.CommentRange[] | undefined): void => {
    for (const range of ranges ?? []) found.set(range.pos, source.text.slice(range.pos, range.end));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTokenKind(node.kind) || node.kind === ts.SyntaxKind.EndOfFileToken) {
      keep(ts.getLeadingCommentRanges(source.text, node.getFullStart()));
      keep(ts.getTrailingCommentRanges(source.text, node.getEnd()));
    }
    node.getChildren(source.ast).forEach(visit);
  };
  visit(source.ast);
  return [...found].map(([position, text]) => ({ position, text }));
}

export function commentWords(source: Source): Finding[] {
  return commentsOf(source).flatMap(({ text, position }) => {
    const finding = (rule: string, what: string): Finding => ({ rule, path: source.path, line: lineOf(source, position), what });
    const found: Finding[] = [];
    const unfinished = UNFINISHED.exec(text);
    const silenced = SILENCED.exec(text);
    if (unfinished !== null) found.push(finding('unfinished', `${unfinished[0]}: finish it or say plainly what is missing`));
    if (silenced !== null) found.push(finding('silenced', `${silenced[0]}: mend what the tool found`));
    return found;
  });
}

/** `expect(x)` counts only when a matcher is called on it: `expect(x).toBe(y)`, `expect(x).not.toBe(y)`. */
function callsMatcher(expectCall: ts.CallExpression): boolean {
  let node: ts.Node = expectCall;
  while (ts.isPropertyAccessExpression(node.parent) && node.parent.expression === node) node = node.parent;
  return node !== expectCall && ts.isCallExpression(node.parent) && node.parent.expression === node;
}

/** `toThrow()` accepts any fault, so a test passes for the wrong reason. `not.toThrow()` means what it says. */
function isVagueThrow(node: ts.CallExpression): boolean {
  if (!ts.isPropertyAccessExpression(node.expression) || node.arguments.length > 0) return false;
  const isNegated = ts.isPropertyAccessExpression(node.expression.expression) && node.expression.expression.name.text === 'not';
  return THROW_MATCHERS.has(node.expression.name.text) && !isNegated;
}

function objectionTo(node: ts.Node): readonly [rule: string, what: string] | undefined {
  if (ts.isCallExpression(node)) {
    if (node.expression.getText() === 'expect' && !callsMatcher(node)) return ['bare-expect', 'expect() without a matcher asserts nothing'];
    if (isVagueThrow(node)) return ['vague-throw', 'name the exact fault that must be thrown'];
    if (SWITCHED_WORDS.has(node.expression.getText())) return ['switched-test', node.expression.getText()];
  }
  if (ts.isPropertyAccessExpression(node)) {
    const [head] = node.getText().split('.');
    if (TEST_WORDS.has(head ?? '') && SWITCHES.has(node.name.text)) return ['switched-test', node.getText()];
    if (node.expression.getText() === 'jest' && MOCK_MAKERS.has(node.name.text)) return ['mock', `${node.getText()}: use the real thing or a fake`];
  }
  return undefined;
}

export function hollowTests(source: Source): Finding[] {
  const found: Finding[] = [];
  walk(source.ast, (node) => {
    const objection = objectionTo(node);
    if (objection === undefined) return;
    const [rule, what] = objection;
    found.push({ rule, path: source.path, line: lineOf(source, node.getStart(source.ast)), what });
  });
  return found;
}

export function foreignWords(file: TextFile): Finding[] {
  return FOREIGN.flatMap(([pattern, what]) => {
    const match = pattern.exec(file.text);
    if (match === null) return [];
    const line = file.text.slice(0, match.index + match[0].search(/\S/)).split('\n').length;
    return [{ rule: 'foreign-word', path: file.path, line, what: `${match[0].trim()}: ${what}` }];
  });
}
