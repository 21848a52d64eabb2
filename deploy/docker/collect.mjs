// Runs in the image that builds: gathers under /out what one service needs at run time and nothing else, as it is to lie in its image.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { closureOf, workspaceOf } from './closure.mjs';

const SOURCES = process.cwd();
const OUT = '/out';
const APP = join(OUT, 'app');
/** Folders that the service may write, if a volume is mounted over them. */
const STATES = { backup: ['var/lib/countersign', 'var/lib/countersign/archive', 'var/lib/countersign/scratch'] };
const OWNER = 10001;
const ALLOCATOR = 'libjemalloc.so.2';
const ALLOCATOR_PACKAGE = 'libjemalloc2';
/** By service: beginning of the variables of host and port that health is asked at, and the port in the service's own defaults. */
const HEALTH = { ledger: ['LEDGER_HTTP', 8080], keys: ['KEYS_HTTP', 8081], identity: ['IDENTITY_HTTP', 8082], retention: ['RETENTION_HTTP', 8084], edge: ['EDGE_OPERATIONS', 8084], backup: ['COUNTERSIGN_BACKUP', 9095] };
const HEALTH_LIMIT_MS = 4_000;
/** Parts of a workspace that only its build and its tests need. */
const LEFT_OUT = new Set(['src', 'test', 'tsconfig.json']);
const isForTools = (name) => /\.(d\.[cm]?ts|map|tsbuildinfo)$/.test(name);

const service = process.env.SERVICE ?? '';
const workspace = workspaceOf(service);
const states = new Set((STATES[service] ?? ['var/lib/countersign']).map((folder) => join(OUT, folder)));
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? '0');
if (service !== 'cli' && !Object.hasOwn(HEALTH, service)) throw new Error(`SERVICE is "${service}": give ledger, keys, identity, retention, edge, backup or cli`);
if (!Number.isSafeInteger(seconds) || seconds < 0) throw new Error('SOURCE_DATE_EPOCH must be whole seconds');

mkdirSync(APP, { recursive: true });
copyClosure();
copyAllocator();
// PostgreSQL's image has none.
if (service === 'backup') cpSync(process.execPath, join(OUT, 'usr/local/bin/node'));
writeStarts();
for (const state of states) mkdirSync(state, { recursive: true });
settle(OUT);

/**
 * Copies the service's workspace, and whatever it needs at run time by the lock file, from where npm has put it. (npm's own `--omit=dev
 * --workspace` brings what the workspaces' tests need along, a PostgreSQL for instance.)
 */
function copyClosure() {
  const { packages } = JSON.parse(readFileSync(join(SOURCES, 'package-lock.json'), 'utf8'));
  for (const [at, asked] of closureOf(packages, workspace, (place) => existsSync(join(SOURCES, place)))) {
    if (packages[at].link === true) {
      mkdirSync(dirname(join(APP, at)), { recursive: true });
      symlinkSync(relative(dirname(at), asked[0]), join(APP, at));
    } else {
      copyPackage(at);
    }
  }
}

function copyPackage(at) {
  const from = join(SOURCES, at);
  const isOurs = !at.includes('node_modules');
  const isLeftOut = (path) => path !== from && (basename(path) === 'node_modules' || isForTools(path) || (isOurs && LEFT_OUT.has(relative(from, path))));
  cpSync(from, join(APP, at), { recursive: true, filter: (path) => !isLeftOut(path) });
}

/** What LD_PRELOAD of the Dockerfile names. Debian keeps it in a folder that is called after the machine. */
function copyAllocator() {
  const folder = readdirSync('/usr/lib').find((name) => existsSync(join('/usr/lib', name, ALLOCATOR)));
  if (folder === undefined) throw new Error(`${ALLOCATOR} is not there: Debian's package ${ALLOCATOR_PACKAGE} has it`);
  cpSync(join('/usr/lib', folder, ALLOCATOR), join(OUT, 'usr/local/lib', ALLOCATOR), { dereference: true });
  // Scanners read there which packages an image has, as of distroless ones.
  const record = join(OUT, 'var/lib/dpkg/status.d', ALLOCATOR_PACKAGE);
  mkdirSync(dirname(record), { recursive: true });
  writeFileSync(record, execFileSync('dpkg-query', ['--status', ALLOCATOR_PACKAGE]));
}

function writeStarts() {
  // Without it Node would take our modules for CommonJS until it has read them.
  writeFileSync(join(APP, 'package.json'), '{"private":true,"type":"module"}\n');
  writeFileSync(join(APP, 'start.mjs'), `import './${workspace}/dist/main.js';\n`);
  for (const step of ['provision', 'migrate']) {
    if (existsSync(join(APP, `${workspace}/dist/${step}-main.js`))) writeFileSync(join(APP, `${step}.mjs`), `import './${workspace}/dist/${step}-main.js';\n`);
  }
  if (service === 'cli') return;
  const [variable, port] = HEALTH[service];
  const lines = [
    `const { ${variable}_HOST: host, ${variable}_PORT: port } = process.env;`,
    // What listens everywhere is asked here.
    "const at = host && host !== '0.0.0.0' ? host : '127.0.0.1';",
    `const answer = await fetch(\`http://\${at}:\${port || ${port}}/readyz\`, { signal: AbortSignal.timeout(${HEALTH_LIMIT_MS}) }).catch(() => undefined);`,
    'process.exit(answer?.ok === true ? 0 : 1);',
  ];
  writeFileSync(join(APP, 'health.mjs'), `${lines.join('\n')}\n`);
}

/** One time, rights that let nobody write, and an owner for what may be written. */
function settle(path) {
  const found = lstatSync(path);
  if (found.isDirectory()) for (const name of readdirSync(path)) settle(join(path, name));
  if (states.has(path)) {
    chownSync(path, OWNER, OWNER);
    chmodSync(path, 0o700);
  } else if (!found.isSymbolicLink()) {
    chmodSync(path, found.isDirectory() || (found.mode & 0o111) !== 0 ? 0o755 : 0o644);
  }
  lutimesSync(path, seconds, seconds);
}
