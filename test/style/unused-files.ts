// Finds source files that nothing leads to.
import { posix } from 'node:path';
import ts from 'typescript';
import { type Finding, type Source, type TextFile, walk } from './sources.js';

/** Where reading starts: what ships, what runs, what tests. Root configurations are found by their tools. */
const ENTRIES = [
  /^libs\/[^/]+\/src\/index\.ts$/,
  /^(apps\/[^/]+|bench)\/src\/main\.ts$/,
  /(^|\/)test\/.*\.spec\.ts$/,
  /(^|\/)test\/.*\.(faults|images)\.ts$/,
  /^[^/]+\.mjs$/,
];
const PATH_IN_TEXT = /[\w@.-]*(?:\/[\w@.-]+)*\.(?:ts|js|mjs)\b/g;

/** The source behind a path as the code names it: `.js` is compiled from `.ts`, `dist/` from `src/`. */
function candidates(named: string, from: string): string[] {
  const places = [posix.join(posix.dirname(from), named), posix.normalize(named)];
  return places.flatMap((place) => {
    const source = place.replace(/(^|\/)dist\//, '$1src/').replace(/\.js$/, '.ts');
    return [place, source];
  });
}

function pathsNamedBy(source: Source): string[] {
  const found: string[] = [];
  walk(source.ast, (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      found.push(...(node.text.match(PATH_IN_TEXT) ?? []));
    }
  });
  return found;
}

/**
 * Source files that cannot be reached from an entry, a manifest or a test.
 * A path inside a string counts as a lead as an import does, so that workers and spawned programs are found.
 */
export function unusedFiles(sources: readonly Source[], manifests: readonly TextFile[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const waiting: string[] = [];
  const reach = (path: string): void => {
    if (!byPath.has(path) || reached.has(path)) return;
    reached.add(path);
    waiting.push(path);
  };
  for (const { path } of sources) if (ENTRIES.some((entry) => entry.test(path))) reach(path);
  for (const { path, text } of manifests) {
    for (const named of text.match(PATH_IN_TEXT) ?? []) candidates(named, path).forEach(reach);
  }
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined) continue;
    for (const named of pathsNamedBy(source)) candidates(named, path).forEach(reach);
  }
  return sources
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => ({ rule: 'unused-file', path, line: 1, what: 'no entry, manifest or test leads here' }));
}
