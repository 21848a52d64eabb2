// Which licences the packages have that we use, and which we accept.
import { closureOf, IMAGES, workspaceOf } from '../../deploy/docker/closure.mjs';

/** In images: permissive, and compatible with Apache-2.0 when both are given on together. */
const SHIPPED = new Set(['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'MIT-0', 'Unlicense']);
/** On developers' machines as well: data and tools that are not given on. */
const TOOLS = new Set([...SHIPPED, 'Python-2.0', 'CC0-1.0', 'CC-BY-4.0', 'CC-BY-3.0']);

/** Identifiers of an SPDX expression: all of them must be accepted, also where a choice is given. */
const identifiersOf = (expression) => expression.split(/[\s()]+/).filter((word) => word !== '' && !['AND', 'OR', 'WITH'].includes(word));

/**
 * @param {Readonly<Record<string, object>>} packages of package-lock.json
 * @param {(at: string) => boolean} isInstalled
 * @returns {{ name: string, version: string, licence: string, images: string[] }[]} one line a package, in order
 */
export function licencesOf(packages, isInstalled) {
  const images = new Map();
  for (const image of IMAGES) for (const at of closureOf(packages, workspaceOf(image), isInstalled).keys()) images.set(at, [...(images.get(at) ?? []), image]);
  return Object.entries(packages)
    .filter(([at, { link }]) => at.includes('node_modules/') && link !== true)
    .map(([at, { name, version, license = 'none' }]) => ({ name: name ?? at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length), version, licence: license, images: images.get(at) ?? [] }))
    .toSorted((a, b) => `${a.name} ${a.version}`.localeCompare(`${b.name} ${b.version}`));
}

/** What has a licence that is not accepted where it is used. */
export function licenceFaults(lines) {
  return lines
    .filter(({ licence, images }) => !identifiersOf(licence).every((one) => (images.length > 0 ? SHIPPED : TOOLS).has(one)))
    .map(({ name, version, licence, images }) => `${name} ${version}: ${licence}${images.length > 0 ? ` (in ${images.join(', ')})` : ''}`);
}
