// Rules on what the pure libraries may touch, and on where the framework may appear.
import ts from 'typescript';
import { type Finding, type Source, importsOf, lineOf, walk } from './sources.js';

const LONE_SOURCE = /^libs\/(access|chain|envelope|legal-clock|retention-rules)\/src\//;
const PURE_SOURCE = /^libs\/(access|chain|contracts|envelope|legal-clock|retention-rules)\/src\//;
const NO_CRYPTO = /^libs\/(access|legal-clock|retention-rules)\//;
const WIRING_FILE = /\.(module|controller|filter)\.ts$/;

const CLOCKS_AND_DICE = new Set([
  'Date.now', 'performance.now', 'process.hrtime', 'Math.random', 'randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'randomFillSync',
  'getRandomValues', 'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync',
]);

export function loneImports(source: Source): Finding[] {
  if (!LONE_SOURCE.test(source.path)) return [];
  return importsOf(source)
    .filter(({ specifier }) => !/^\.\.?\//.test(specifier) && (specifier !== 'node:crypto' || NO_CRYPTO.test(source.path)))
    .map(({ specifier, position }) => ({
      rule: 'lone-import',
      path: source.path,
      line: lineOf(source, position),
      what: `${specifier}: libs/chain and libs/envelope import nothing but node:crypto, libs/access, libs/legal-clock and libs/retention-rules not even that`,
    }));
}

/** `new Date()` without an argument reads the clock; with one it only converts. */
function readsClockByDate(node: ts.Node): boolean {
  const isDate = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'Date';
  return isDate && (ts.isCallExpression(node) || (node.arguments ?? []).length === 0);
}

export function clockOrDice(source: Source): Finding[] {
  if (!PURE_SOURCE.test(source.path)) return [];
  const found: Finding[] = [];
  const object = (node: ts.Node, what: string): void => {
    found.push({ rule: 'clock-or-dice', path: source.path, line: lineOf(source, node.getStart(source.ast)), what: `${what}: time and randomness are arguments here` });
  };
  walk(source.ast, (node) => {
    if (readsClockByDate(node)) object(node, 'Date without an argument');
    else if (ts.isPropertyAccessExpression(node) && (CLOCKS_AND_DICE.has(node.getText()) || CLOCKS_AND_DICE.has(node.name.text))) object(node, node.getText());
    else if (ts.isIdentifier(node) && CLOCKS_AND_DICE.has(node.text) && !ts.isPropertyAccessExpression(node.parent)) object(node, node.text);
  });
  return found;
}

export function strayDecorators(source: Source): Finding[] {
  if (WIRING_FILE.test(source.path)) return [];
  const found: Finding[] = [];
  walk(source.ast, (node) => {
    if (ts.isDecorator(node)) {
      found.push({
        rule: 'stray-decorator',
        path: source.path,
        line: lineOf(source, node.getStart(source.ast)),
        what: `${node.getText()}: decorators live in *.module.ts, *.controller.ts and *.filter.ts`,
      });
    }
  });
  return found;
}
