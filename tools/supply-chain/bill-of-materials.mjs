// A CycloneDX bill of materials of one image: what its closure by the lock file holds, as collect.mjs puts it there, and, where the image
// itself was read, Node and what its base brings.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { closureOf, workspaceOf } from '../../deploy/docker/closure.mjs';

/**
 * @param {string} root
 * @param {string} image one of IMAGES
 * @param {{ readonly seconds: number, readonly contents?: ReturnType<typeof import('./image-contents.mjs').contentsOf> }} options time of the
 *   sources: the same sources make the same document; contents of the image as it was built
 * @returns {string} CycloneDX 1.6 as JSON
 */
export function billOfMaterials(root, image, { seconds, contents }) {
  const { packages, version } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const closure = closureOf(packages, workspaceOf(image), (place) => existsSync(join(root, place)));
  const settled = (at) => (packages[at].link === true ? packages[at].resolved : at);
  const entries = [...closure.keys()].filter((at) => packages[at].link !== true).toSorted();
  const components = new Map(entries.map((at) => [at, componentOf(at, packages[at], version)]));
  for (const at of entries) for (const asked of closure.get(at)) components.get(at).dependencies.add(components.get(settled(asked)).bomRef);
  const main = components.get(workspaceOf(image));
  main.type = Enums.ComponentType.Container;
  const below = contents === undefined ? [] : baseComponents(contents);
  for (const { bomRef } of below) main.dependencies.add(bomRef);
  const bom = new Models.Bom({
    serialNumber: serialOf([...entries.map((at) => `${at} ${packages[at].version} ${packages[at].integrity ?? ''}`), ...below.map(({ bomRef }) => bomRef.value)]),
    metadata: new Models.Metadata({ timestamp: new Date(seconds * 1_000), component: main }),
    components: new Models.ComponentRepository([...[...components.values()].filter((component) => component !== main), ...below]),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}

function componentOf(at, entry, ownVersion) {
  const full = entry.name ?? at.slice(at.lastIndexOf('node_modules/') + (at.includes('node_modules/') ? 'node_modules/'.length : 0));
  const isOwn = !at.includes('node_modules/');
  const name = isOwn && entry.name === undefined ? at : full;
  const [group, short] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const version = entry.version ?? ownVersion;
  const component = new Models.Component(isOwn ? Enums.ComponentType.Application : Enums.ComponentType.Library, short, { group, version, bomRef: at });
  if (!isOwn) component.purl = `pkg:npm/${group === undefined ? '' : `${encodeURIComponent(group)}/`}${short}@${version}`;
  const license = entry.license ?? (isOwn ? 'Apache-2.0' : undefined);
  if (license !== undefined) component.licenses.add(/[ ()]/.test(license) ? new Models.LicenseExpression(license) : new Models.SpdxLicense(license));
  if (entry.integrity !== undefined) component.hashes.set(Enums.HashAlgorithm['SHA-512'], Buffer.from(entry.integrity.replace(/^sha512-/, ''), 'base64').toString('hex'));
  return component;
}

/** Node, the system, and its packages; each known by its package URL (purl-spec, types generic and deb). */
function baseComponents({ node, system, packages }) {
  const component = (type, name, version, purl) => new Models.Component(type, name, { version, bomRef: purl, purl });
  const distro = system === undefined ? '' : `&distro=${encodeURIComponent(`${system.id}-${system.version}`)}`;
  return [
    component(Enums.ComponentType.Platform, 'node', node, `pkg:generic/node@${node}`),
    ...(system === undefined ? [] : [component(Enums.ComponentType.OperatingSystem, system.id, system.version, `pkg:generic/${system.id}@${system.version}`)]),
    ...packages.map(({ name, version, architecture }) => component(Enums.ComponentType.Library, name, version, `pkg:deb/${system?.id ?? 'debian'}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}${distro}`)),
  ];
}

/** A UUID (version 8, RFC 9562) of what is in it. */
function serialOf(lines) {
  const digest = createHash('sha256').update(lines.join('\n')).digest('hex');
  return `urn:uuid:${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
