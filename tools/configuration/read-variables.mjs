// Reads the variables of a service out of its sources: name, kind of value, default, and the comment above it. The schemas are the one
// place where they are declared; a form that is not understood here is an error, so that the page cannot leave anything out.
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/**
 * @typedef {object} Variable
 * @property {string} name
 * @property {string} kind what a value looks like
 * @property {string | undefined} fallback the default; undefined: there is none
 * @property {boolean} isRequired
 * @property {string} meaning
 */

const VARIABLE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;

/** @param {string} path */
function parse(path) {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
}

/**
 * Constants that schemas name and other files declare, by their names.
 * @param {readonly string[]} paths
 * @returns {Map<string, string>} name → text of the initializer
 */
export function readConstants(paths) {
  const constants = new Map();
  for (const path of paths) {
    for (const [name, initializer] of constantsOf(parse(path))) constants.set(name, initializer.getText());
  }
  return constants;
}

/** @param {ts.SourceFile} file */
function constantsOf(file) {
  const declarations = file.statements.filter(ts.isVariableStatement).flatMap((statement) => [...statement.declarationList.declarations]);
  return new Map(declarations.flatMap(({ name, initializer }) => (initializer !== undefined && ts.isIdentifier(name) ? [[name.text, initializer]] : [])));
}

/**
 * The variables of each schema (`z.object` whose keys are names of variables) of a file, by the schema's name.
 * @param {string} path
 * @param {ReadonlyMap<string, string>} [imported] constants of other files
 * @returns {Map<string, Variable[]>}
 */
export function readVariables(path, imported = new Map()) {
  const file = parse(path);
  const local = constantsOf(file);
  const found = new Map();
  for (const [name, initializer] of local) {
    const [base, ...rest] = chainOf(initializer, new Map());
    if (rest.length > 0 || base?.method !== 'z.object') continue;
    const [object] = base.args;
    if (object === undefined || !ts.isObjectLiteralExpression(object)) continue;
    const variables = object.properties.filter(ts.isPropertyAssignment).filter((property) => VARIABLE.test(property.name.getText()));
    if (variables.length !== object.properties.length) throw new Error(`${path}: ${name} mixes variables with something else`);
    found.set(name, variables.map((property) => readVariable(property, { path, local, imported })));
  }
  return found;
}

/**
 * Secrets by service out of libs/secrets.
 * @param {string} path
 * @returns {Map<string, Variable[]>}
 */
export function readSecrets(path) {
  let declared = constantsOf(parse(path)).get('SERVICE_SECRETS');
  while (declared !== undefined && !ts.isObjectLiteralExpression(declared)) declared = declared.expression;
  if (declared === undefined) throw new Error(`${path} declares no SERVICE_SECRETS`);
  return new Map(
    declared.properties.map((service) => [
      service.name.getText(),
      service.initializer.elements.map((secret) => {
        const fields = new Map(secret.properties.map((property) => [property.name.getText(), property.initializer]));
        return { name: fields.get('name').text, kind: 'secret', fallback: undefined, isRequired: fields.get('isOptional')?.getText() !== 'true', meaning: commentOf(secret) };
      }),
    ]),
  );
}

function readVariable(property, context) {
  const name = property.name.getText();
  const chain = chainOf(property.initializer, context.local);
  const value = chain.find(({ method }) => method === 'default');
  const isOptional = chain.some(({ method }) => method === 'optional');
  const fallback = value === undefined ? undefined : textOf(value.args[0], context, name);
  return { name, kind: kindOf(chain, context, name), fallback, isRequired: fallback === undefined && !isOptional, meaning: commentOf(property) };
}

/** `z.string().min(1).default('')` as its calls, first to last; a local constant at its beginning is put in its place. */
function chainOf(expression, local) {
  if (ts.isCallExpression(expression)) {
    const { expression: callee } = expression;
    const args = [...expression.arguments];
    if (ts.isPropertyAccessExpression(callee)) {
      if (callee.expression.getText() === 'z' || callee.expression.getText() === 'z.coerce') return [{ method: callee.getText().replace(/\s/g, ''), args }];
      return [...chainOf(callee.expression, local), { method: callee.name.text, args }];
    }
    return [{ method: callee.getText(), args }];
  }
  if (ts.isIdentifier(expression)) return local.has(expression.text) ? chainOf(local.get(expression.text), local) : [{ method: expression.text, args: [] }];
  return [{ method: expression.getText(), args: [] }];
}

function textOf(node, { path, local, imported }, name) {
  const text = ts.isIdentifier(node) ? (local.get(node.text)?.getText() ?? imported.get(node.text)) : node.getText();
  const plain = text === undefined ? undefined : plainOf(text);
  if (plain === undefined) throw new Error(`${path}: the default of ${name}, ${node.getText()}, is not understood`);
  return plain;
}

function plainOf(text) {
  const [, quoted] = /^'([^']*)'$/.exec(text) ?? [];
  if (quoted !== undefined) return quoted;
  if (text === 'true' || text === 'false') return text;
  const power = /^2 \*\* (\d+)( - 1)?$/.exec(text);
  if (power !== null) return String(2 ** Number(power[1]) - (power[2] === undefined ? 0 : 1));
  const digits = text.replaceAll('_', '');
  return /^-?\d+(\.\d+)?$/.test(digits) ? digits : undefined;
}

const choices = (text) => [...text.matchAll(/'([^']*)'/g)].map(([, choice]) => choice);

function kindOf(chain, context, name) {
  const [{ method, args }] = chain;
  const limit = (call) => chain.find((one) => one.method === call)?.args[0];
  const number = (node) => (node === undefined || plainLimit(node, context) === undefined ? undefined : plainLimit(node, context));
  if (method === 'z.enum') {
    const given = ts.isIdentifier(args[0]) ? (context.imported.get(args[0].text) ?? '') : args[0].getText();
    const all = choices(given);
    if (all.length === 0) throw new Error(`${context.path}: the choices of ${name} are not understood`);
    return all.join(', ');
  }
  if (method === 'count') return range('whole number', number(args[0]), number(args[1]));
  if (method === 'z.number') throw new Error(`${context.path}: ${name} is no text`);
  if (method === 'z.coerce.number') return range(chain.some((one) => one.method === 'int') ? 'whole number' : 'number', number(limit('min')), number(limit('max')));
  if (method === 'z.url') return 'URL';
  if (method === 'z.email') return 'address of mail';
  if (method === 'z.string') return name.endsWith('_FILE') ? 'file' : name.endsWith('_DIR') || name.endsWith('_PATH') ? 'path' : 'text';
  if (method === 'tenantSchema') return 'name of a tenant';
  throw new Error(`${context.path}: the kind of ${name}, ${method}, is not understood`);
}

function plainLimit(node, { local, imported }) {
  const text = ts.isIdentifier(node) ? (local.get(node.text)?.getText() ?? imported.get(node.text)) : node.getText();
  return text === 'Number.MAX_SAFE_INTEGER' ? undefined : plainOf(text ?? '');
}

function range(kind, least, most) {
  if (least === undefined && most === undefined) return kind;
  if (most === undefined) return `${kind} from ${least}`;
  return least === undefined ? `${kind} to ${most}` : `${kind}, ${least} to ${most}`;
}

/** The text of the doc comment right above, on one line. */
function commentOf(node) {
  const text = node.getSourceFile().text;
  const own = ts.getLeadingCommentRanges(text, node.pos)?.findLast(({ pos }) => text.startsWith('/**', pos));
  if (own === undefined) return '';
  return text.slice(own.pos + 3, own.end - 2).split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim()).join(' ').trim();
}
