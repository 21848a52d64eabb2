import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { CanaryScan, PERSONAL_CANARIES, type Canaries } from '@countersign/devstack';
import { asked } from './harness/audit-keys.js';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import { parkBodies, refuseBodies } from './harness/kept-bodies.js';
import { keyMaterial, secrets } from './harness/key-material.js';
import type { ServiceProcess } from './harness/service-process.js';
import type { Stand } from './harness/stand.js';

const TENANTS = ['planted-a', 'planted-b'];
const DATABASES = ['ledger', 'keys', 'keys_subjects'];

/** Headers and registers of a process with some hundred mappings and some dozen threads. */
const CORE_BYTES_MAX = 1024 * 1024;

let ledger: ServiceProcess;

/** The only places where something of the kind may lie, and why. `<file>: <canary>`. */
const ALLOWED: readonly (readonly [where: RegExp, why: string])[] = [
  [/^(secrets|keys-service|nats|postgres|keys)\/[^:]*: secret /, 'a secret lies in the file from which its owner reads it'],
  [/^spool-[^/]*\.key: secret spool-/, 'what a spool is sealed under lies beside it: docs/adr/0028'],
];

/** What is left of everything that ran: files of all servers, stores, logs, core dumps. */
async function everyFind(stand: Stand, canaries: Canaries): Promise<{ readonly found: string[]; readonly bytes: number }> {
  // What PostgreSQL still has in memory, it writes.
  for (const database of DATABASES) await asked(stand, database, (client) => client.query('CHECKPOINT'));
  const scan = new CanaryScan(canaries);
  const [own, data] = [await scan.findIn(stand.folder), await scan.findIn(stand.postgres.dataDir)];
  // When the tests run as root the cluster may lie outside of the folder.
  const isInside = stand.postgres.dataDir.startsWith(stand.folder);
  return { found: [...own.found, ...(isInside ? [] : data.found.map((one) => `cluster/${one}`))], bytes: own.bytes + (isInside ? 0 : data.bytes) };
}

/** The kernel has written core dumps, and they hold no memory. Where a machine pipes them elsewhere nothing comes here. */
function requireEmptyCores(stand: Stand): void {
  if (readFileSync('/proc/sys/kernel/core_pattern', 'utf8').startsWith('|')) return;
  const folder = join(stand.folder, 'cores');
  const files = readdirSync(folder);
  expect(files.filter((name) => name.startsWith('report'))).toEqual([]);
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((name) => statSync(join(folder, name)).size > CORE_BYTES_MAX)).toEqual([]);
}

function requireKinds(canaries: Canaries, kinds: readonly string[]): void {
  expect(kinds.filter((kind) => !Object.keys(canaries).some((name) => name.startsWith(kind)))).toEqual([]);
}

const isAllowed = (find: string): boolean => ALLOWED.some(([where]) => where.test(find));

faultSuite(
  'nothing is left in the clear',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    'after a workload with planted canaries, refused messages among it, crashes by SIGABRT under load, rotation, erasure and a roll of the epoch': async ({ stand }) => {
      if (stand.keys === undefined) throw new Error('this suite is about the key service');
      const producers = [stand.addProducer('planter', TENANTS, { lanes: 40 }), stand.addProducer('heavy', TENANTS, { lanes: 20, textMax: 4_000 })];
      for (const producer of producers) await producer.start();
      await producers[0]!.emits(2_000);
      await refuseBodies(stand, TENANTS);
      const operator = await stand.keys.as('operator');
      for (const tenant of TENANTS) {
        await operator.client.ask('rotate', { tenant, purpose: 'tenant' });
        await operator.client.ask('destroy-subject', { tenant, subject: 'subject-3', reason: 'test' });
        await readAsPeopleDo(tenant);
      }
      await operator.client.ask('roll-epoch', {});
      for (const process of [stand.keys.process, ledger, stand.keys.process, ledger]) {
        const { starts } = process;
        process.signal('SIGABRT');
        await producers[0]!.emits(500);
        await process.ready();
        expect(process.starts).toBeGreaterThan(starts);
      }
      requireEmptyCores(stand);
      const canaries = { ...PERSONAL_CANARIES, ...(await keyMaterial(stand)), ...secrets(stand) };
      const kinds = ['root key', 'tenant key', 'epoch key', 'subject key', 'signing.', 'spool key', 'secret secrets/', 'secret nats/store.key', 'ledger.quarantine '];
      requireKinds(canaries, kinds);
      const { found, bytes } = await everyFind(stand, canaries);
      expect(found.filter((find) => !isAllowed(find))).toEqual([]);
      // It looks, and finds what is there.
      for (const [where] of ALLOWED) expect(found.some((find) => where.test(find))).toBe(true);
      expect(bytes).toBeGreaterThan(50_000_000);
      await audit(stand, { tenants: TENANTS, producers, erased: ['subject-3'] });
      expect((await everyFind(stand, { ...PERSONAL_CANARIES, ...(await keyMaterial(stand)) })).found.filter((find) => !isAllowed(find))).toEqual([]);
    },

    'nor in what is kept for a ledger that has stopped, and taken up when it goes on': async ({ stand }) => {
      const scan = async (): Promise<string[]> => {
        const canaries = { ...PERSONAL_CANARIES, ...(await keyMaterial(stand)) };
        requireKinds(canaries, ['ledger.parked ']);
        return (await everyFind(stand, canaries)).found.filter((find) => !isAllowed(find));
      };
      await parkBodies(stand, ledger, async () => expect(await scan()).toEqual([]));
      expect(await scan()).toEqual([]);
    },

    'and a scan that could find nothing would be noticed: each kind of canary, in each spelling, is found where it is put': async ({ stand }) => {
      const canaries = { ...PERSONAL_CANARIES, ...(await keyMaterial(stand)) };
      const folder = join(stand.folder, 'planted');
      mkdirSync(folder);
      const names = Object.keys(canaries);
      for (const [at, canary] of Object.values(canaries).entries()) {
        const bytes = Buffer.from(canary);
        const texts = [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url'), Buffer.concat([Buffer.from('x'), bytes, Buffer.from('y')]).toString('base64')];
        for (const [spelling, content] of [bytes, ...texts].entries()) writeFileSync(join(folder, `${at}-${spelling}`), Buffer.concat([Buffer.alloc(17 + at, 0x20), Buffer.from(content)]));
      }
      const { found } = await new CanaryScan(canaries).findIn(folder);
      expect(found.sort()).toEqual(names.flatMap((name, at) => [0, 1, 2, 3, 4].map((spelling) => `${at}-${spelling}: ${name}`)).sort());
    },
  },
  'service',
);

/** Search, read, export, and ask for what is not there: whatever a log could keep of a reader's wishes. */
async function readAsPeopleDo(tenant: string): Promise<void> {
  const paths = [`events?limit=50`, `events?actor=${encodeURIComponent(PERSONAL_CANARIES.mail)}`, 'entries/1', 'export', `proofs/${encodeURIComponent(PERSONAL_CANARIES.nationalId)}`];
  for (const path of paths) await (await fetch(`${ledger.url}/ledgers/${tenant}/${path}`, { signal: AbortSignal.timeout(30_000) })).arrayBuffer();
  await (await fetch(`${ledger.url}/metrics`)).text();
}
