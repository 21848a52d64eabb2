import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiRoutes, tryBadInput, wanted, type Browser } from '@countersign/devstack';
import { Deployment } from './harness/deployment.js';
import { runSeed } from './harness/dice.js';

const ALL = 1e9;
const SCAN_MS_MAX = 420_000;
const OUTPUT_MAX = 16 * 1024 * 1024;
/** An edge waits 10 s for headers and 15 s for a body, and looks once a second. */
const SLOW_MS_MAX = 20_000;

/** testssl.sh on its own openssl, which knows no GOST. */
const OF_THE_SCANNER = 'engine_problem';
/** We send 0: the filter that this header switched on made holes, and browsers have none any more (OWASP HTTP Headers cheat sheet). wapiti wants 1. */
const OUT_OF_DATE = 'HTTP Secure Headers: X-XSS-Protection is not set';

let deployment: Deployment;
let origin: string;

function scanner(name: string): string | undefined {
  const found = spawnSync('/bin/sh', ['-c', `PATH="$PATH:/usr/local/bin:/usr/sbin" command -v ${name}`], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/** Runs a scanner beside this process, whose connections go on, and gives back what it has found; undefined when it is not installed. */
async function scan<T>(name: string, debianPackage: string, args: (report: string) => readonly string[], read: (report: string) => T): Promise<T | undefined> {
  const program = scanner(name);
  if (program === undefined) {
    process.stderr.write(`${name}: left out, because it is not in PATH (Debian: apt-get install ${debianPackage})\n`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'countersign-scan-'));
  try {
    const report = join(folder, 'report.json');
    // What it has found makes its exit status: the report tells more.
    const done = await new Promise<{ stdout: string; stderr: string }>((resolve) =>
      execFile(program, args(report), { encoding: 'utf8', timeout: SCAN_MS_MAX, maxBuffer: OUTPUT_MAX, cwd: folder, env: { ...process.env, HOME: folder } }, (_, stdout, stderr) => resolve({ stdout, stderr })),
    );
    try {
      return read(readFileSync(report, 'utf8'));
    } catch (cause) {
      throw new Error(`${name} left no report: ${done.stdout.slice(-2_000)}${done.stderr.slice(-2_000)}`, { cause });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the edge under attack', () => {
  beforeAll(async () => {
    // Every request is to be looked at, and not refused because there were so many.
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '100000' });
    origin = deployment.edges[0].origin;
  }, 180_000);
  afterAll(() => deployment.close(), 60_000);

  it('takes no bad input of any kind at any route, and every limit of its own is a 4xx too', async () => {
    // A body of events is judged event by event: apps/edge/test/events.e2e.spec.ts.
    const routes = apiRoutes((await deployment.browser().get('/openapi.json')).text).filter(({ access }) => access.only === undefined);
    const [victim, somebody] = [await deployment.person('victim'), await deployment.person('somebody')];
    // One that may be closed: an odd reason is a reason.
    wanted(await deployment.admin.browser.post('/v1/organizations', { organization: 'victims', name: 'Victims' }), 204);
    const sessionId = wanted(await victim.browser.get('/v1/account/principal'), 200).json['sessionId'] as string;
    const named = new Map([['userId', victim.account.userId], ['sessionId', sessionId], ['tenant', 'system'], ['organization', 'victims'], ['keyId', 'AAAAAAAAAAAA'], ['role', 'sample'], ['index', '0'], ['eventId', '01890a5d-ac96-774b-bcce-b302099a8057'], ['path', '0/000'], ['type', 'victims.message']]);
    const parameters = routes.flatMap((route) => route.parameters.filter((one) => one.in === 'path').map(({ name }) => name));
    const values = Object.fromEntries(parameters.map((name) => [name, named.get(name) ?? 'AAAAAAAAAAAAAAAAAAAAAA']));
    const who: Readonly<Record<string, Browser>> = { session: somebody.browser, permission: deployment.admin.browser };
    const { sent, wrong } = await tryBadInput({ routes, browserFor: ({ access }) => who[access.kind] ?? deployment.browser(), values, casesEach: ALL, seed: runSeed() });
    process.stderr.write(`${String(sent)} bad requests to ${String(routes.length)} routes\n`);
    // Who has guessed too often is told so, whatever else was wrong.
    expect(wrong.filter((line) => !line.includes('"code":"ATTEMPTS_LOCKED"'))).toEqual([]);
  });

  it.each([
    ['headers that never end', 'GET /docs HTTP/1.1\r\nHost: localhost\r\nX-A: '],
    ['a body that never ends', 'POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'],
  ])('gives up on %s', async (_what, bytes) => {
    const startMs = performance.now();
    const text = await new Promise<string>((done) => {
      let all = '';
      const socket = connect({ host: 'localhost', port: Number(new URL(origin).port), ca: deployment.platform.ca }, () => socket.write(bytes));
      // A byte now and then does not buy more time.
      const drip = setInterval(() => socket.write('a'), 1_000);
      socket.on('data', (data: Buffer) => (all += data.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(drip);
        done(all);
      });
    });
    expect(text).toContain('"code":"REQUEST_TIMED_OUT"');
    expect(performance.now() - startMs).toBeLessThan(SLOW_MS_MAX);
  });

  it('speaks TLS 1.3 and nothing else, with no weakness and no header that testssl.sh complains of', async () => {
    const found = await scan('testssl', 'testssl.sh', (report) => ['--quiet', '--color', '0', '--ip', '127.0.0.1', '-p', '-h', '-U', '-s', '-f', '--jsonfile', report, `localhost:${new URL(origin).port}`], (report) => JSON.parse(report) as { id: string; severity: string; finding: string }[]);
    if (found === undefined) return;
    const of = (id: string): string => found.find((one) => one.id === id)?.finding ?? 'not looked at';
    expect([of('SSLv2'), of('SSLv3'), of('TLS1'), of('TLS1_1'), of('TLS1_2')]).toEqual(Array.from({ length: 5 }, () => expect.stringMatching(/^not offered/)));
    expect(of('TLS1_3')).toMatch(/^offered/);
    expect(found.filter(({ severity, id }) => ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'WARN'].includes(severity) && id !== OF_THE_SCANNER).map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`)).toEqual([]);
  }, SCAN_MS_MAX);

  it('has nothing that wapiti finds, as somebody who is signed in', async () => {
    const { browser } = await deployment.person('scanned');
    const cookies = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const routes = apiRoutes((await browser.get('/openapi.json')).text).filter(({ method }) => method === 'GET');
    const pages = routes.map(({ path, parameters }) => `${origin}${path.replace(/\{[^}]+\}/g, 'system')}?${parameters.filter((one) => one.in === 'query').map(({ name }) => `${name}=1`).join('&')}`);
    const starts = ['/docs', '/openapi.json', ...pages.map((page) => page.slice(origin.length))].flatMap((path) => ['-s', `${origin}${path}`]);
    const limits = ['--scope', 'domain', '--max-scan-time', '200', '--no-bugreport', '--flush-session', '--verify-ssl', '0'];
    const found = await scan('wapiti', 'wapiti', (report) => ['-u', `${origin}/docs`, ...starts, '-H', `Cookie: ${cookies}`, ...limits, '-f', 'json', '-o', report], (report) => JSON.parse(report) as { vulnerabilities: Record<string, { info: string }[]>; anomalies: Record<string, { info: string }[]>; infos: { crawled_pages_nbr?: number } });
    if (found === undefined) return;
    const said = [...Object.entries(found.vulnerabilities), ...Object.entries(found.anomalies)].flatMap(([kind, list]) => list.map(({ info }) => `${kind}: ${info}`));
    expect(said.filter((one) => one !== OUT_OF_DATE)).toEqual([]);
  }, SCAN_MS_MAX);
});
