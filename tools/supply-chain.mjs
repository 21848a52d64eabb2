// `npm run supply-chain`, or one part of it by name. What each looks at is said in docs/operations/supply-chain.md.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { IMAGES } from '../deploy/docker/closure.mjs';
import { judgeAudit, waiverFaults } from './supply-chain/audit.mjs';
import { billOfMaterials } from './supply-chain/bill-of-materials.mjs';
import { contentsOf } from './supply-chain/image-contents.mjs';
import { licenceFaults, licencesOf } from './supply-chain/licences.mjs';
import { lockfileFaults } from './supply-chain/lockfile.mjs';
import { secretFaults } from './supply-chain/secrets.mjs';
import { ROOT } from './workspace.mjs';

const FOLDER = 'dist/supply-chain';
const AUDIT_LIMIT_MS = 60_000;
const AUDIT_MAX_BYTES = 64 * 1_048_576;
/** As of sysexits: nobody is wrong, and nobody knows. */
const NOT_ASKED = 75;
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const isInstalled = (place) => existsSync(join(ROOT, place));
const packages = () => JSON.parse(read('package-lock.json')).packages;

function say(part, faults, clean) {
  console.log(faults.length === 0 ? `${part}: ${clean}` : `${part}: ${faults.length} found`);
  for (const fault of faults) console.log(`  ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

function write(name, text) {
  mkdirSync(join(ROOT, FOLDER), { recursive: true });
  writeFileSync(join(ROOT, FOLDER, name), text);
}

const PARTS = {
  lockfile: () => say('lockfile', lockfileFaults(read('package-lock.json'), JSON.parse(read('package.json'))), 'every package has its hash, a place and a name of its own'),
  secrets: async () => {
    const { faults, files, unused } = await secretFaults(ROOT, JSON.parse(read('tools/supply-chain/known-secrets.json')));
    return say('secrets', [...faults, ...unused.map((one) => `${one} is known and not there any more`)], `none in ${files} files`);
  },
  licences: () => {
    const lines = licencesOf(packages(), isInstalled);
    write('licences.csv', ['package,version,licence,images', ...lines.map(({ name, version, licence, images }) => `${name},${version},${licence},${images.join(' ')}`), ''].join('\n'));
    return say('licences', licenceFaults(lines), `${lines.length} packages, ${FOLDER}/licences.csv`);
  },
  sbom: () => {
    const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? '0');
    for (const image of IMAGES) write(`${image}.cdx.json`, billOfMaterials(ROOT, image, { seconds, contents: built === undefined ? undefined : contentsOf(`${built}/${image}`) }));
    return say('sbom', [], `${built === undefined ? 'without Node and bases (--images): ' : ''}${IMAGES.map((image) => `${FOLDER}/${image}.cdx.json`).join(', ')}`);
  },
  audit: () => {
    const today = new Date().toISOString().slice(0, 10);
    const waivers = JSON.parse(read('tools/supply-chain/audit-waivers.json'));
    const wrong = waiverFaults(waivers, today);
    if (wrong.length > 0) return say('audit: waivers', wrong);
    const { stdout } = spawnSync('npm', ['audit', '--json', '--package-lock-only'], { cwd: ROOT, encoding: 'utf8', timeout: AUDIT_LIMIT_MS, maxBuffer: AUDIT_MAX_BYTES });
    const { outcome, lines } = judgeAudit(stdout ?? '', waivers, today);
    console.log({ clean: 'audit: nothing known', vulnerable: 'audit: known vulnerabilities', 'not-asked': 'audit: COULD NOT BE ASKED, so nobody knows: this is not "clean"' }[outcome]);
    for (const line of lines) console.log(`  ${line}`);
    return { clean: 0, vulnerable: 1, 'not-asked': NOT_ASKED }[outcome];
  },
};

const { values, positionals: names } = parseArgs({ allowPositionals: true, options: { 'unasked-passes': { type: 'boolean', default: false }, images: { type: 'string' } } });
const isLenient = values['unasked-passes'];
/** Beginning of the names of images that were built. */
const built = values.images;
const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`usage: npm run supply-chain -- [${Object.keys(PARTS).join('] [')}] [--unasked-passes] [--images PREFIX]`);
  process.exit(2);
}
const codes = [];
for (const name of names.length > 0 ? names : Object.keys(PARTS)) codes.push(await PARTS[name]());
// What is wrong comes before what nobody knows.
process.exitCode = codes.includes(1) ? 1 : codes.includes(NOT_ASKED) && !isLenient ? NOT_ASKED : 0;
