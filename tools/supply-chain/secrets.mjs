// Secrets in the repository: what secretlint's recommended rules know, and the forms of our own.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { lintSource } from '@secretlint/core';
import { creator as recommended } from '@secretlint/secretlint-rule-preset-recommend';

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.nx', '.countersign', 'coverage']);
const MAX_BYTES = 1_048_576;
/** nkey seeds: `S`, what it is for, and the seed in base32 (https://docs.nats.io, "NKeys"). */
const NKEY_SEED = /\bS[UAONCX][A-Z2-7]{56}\b/g;
const CONFIG = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: recommended }] };

/** Files of the repository: what git does not ignore. */
function filesOf(root, folder = root) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) return [];
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || relative(root, path) === 'deploy/compose/secrets' ? [] : filesOf(root, path);
    return entry.isFile() && !/\.(tsbuildinfo|csx)$/.test(entry.name) ? [path] : [];
  });
}

/**
 * @param {string} root
 * @param {ReadonlyArray<{ path: string, rule: string, reason: string }>} known what looks like a secret and is none
 * @returns {Promise<{ faults: string[], files: number, unused: string[] }>} faults name place and rule, never the text
 */
export async function secretFaults(root, known) {
  const files = filesOf(root).filter((path) => statSync(path).size <= MAX_BYTES);
  const found = (await Promise.all(files.map((path) => secretsIn(relative(root, path), readFileSync(path))))).flat();
  const isKnown = ({ path, rule }) => known.some((one) => one.path === path && one.rule === rule);
  return {
    faults: found.filter((one) => !isKnown(one)).map(({ path, line, rule }) => `${path}:${line}: ${rule}`),
    files: files.length,
    unused: known.filter(({ path, rule }) => !found.some((one) => one.path === path && one.rule === rule)).map(({ path, rule }) => `${path}: ${rule}`),
  };
}

/**
 * @param {string} path
 * @param {Buffer} bytes
 * @returns {Promise<{ path: string, line: number, rule: string }[]>}
 */
export async function secretsIn(path, bytes) {
  if (bytes.includes(0)) return [];
  const content = bytes.toString('utf8');
  const { messages } = await lintSource({ source: { filePath: path, content, contentType: 'text' }, options: { config: CONFIG, noPhysicFilePath: true } });
  const seeds = [...content.matchAll(NKEY_SEED)].map(({ index }) => ({ path, line: content.slice(0, index).split('\n').length, rule: 'nkey-seed' }));
  return [...messages.map(({ ruleId, loc }) => ({ path, line: loc.start.line, rule: ruleId.replace('@secretlint/secretlint-rule-', '') })), ...seeds];
}
