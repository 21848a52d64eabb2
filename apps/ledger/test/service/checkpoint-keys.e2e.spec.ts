import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { consistencyProofOf, leafHash, parseVkey, rootOf, verifyCheckpoint } from '@countersign/chain';
import type { LedgerView } from '@countersign/contracts';
import type { KeysProcess } from '../fixture/keys-process.js';
import { ServiceProcess } from '../fixture/service-process.js';

const KEYS_ASKED_MS_MAX = 3_000;

let ledger: ServiceProcess;
let keys: KeysProcess;

// One stand for all, tenants for each; the key service is started by the first of them.
beforeAll(async () => {
  ({ ledger, keys } = await ServiceProcess.startWithKeys({ areKeysUp: false }));
}, 60_000);
afterAll(async () => {
  await keys.stop();
  await ledger.stop();
}, 60_000);

const view = async (tenant: string): Promise<LedgerView> => (await ledger.get(`ledgers/${tenant}`)) as LedgerView;
const signedUpTo = (tenant: string, size: number): Promise<void> =>
  ledger.until(`a checkpoint covers ${size} entries of ${tenant}`, async () => {
    const answer = (await ledger.get(`ledgers/${tenant}`)) as { checkpoint?: { treeSize: number } };
    return (answer.checkpoint?.treeSize ?? 0) >= size;
  });
const checkpointsOf = async (tenant: string): Promise<number> => {
  const { ledgerId } = await ledger.ledger(tenant);
  const { rows } = await ledger.admin.query<{ size: string }>('SELECT coalesce(max(tree_size), 0) AS size FROM checkpoints WHERE ledger_id = $1', [ledgerId]);
  return Number(rows[0]!.size);
};
const entriesOf = async (tenant: string): Promise<number> => {
  const { rows } = await ledger.admin.query<{ count: number }>('SELECT count(*)::int AS count FROM entries WHERE ledger_id = $1', [(await ledger.ledger(tenant)).ledgerId]);
  return rows[0]!.count;
};
const availability = async (): Promise<string | undefined> => /^countersign_ledger_keys_available.* (\d)$/m.exec(await (await fetch(`${ledger.url}/metrics`)).text())?.[1];

/** Has a tree signed that extends the ledger's own by leaves of somebody else. */
async function signElsewhere(tenant: string, surplus: number): Promise<void> {
  const { ledgerId, origin } = await ledger.ledger(tenant);
  const { rows } = await ledger.admin.query<{ entry: Buffer }>('SELECT entry FROM entries WHERE ledger_id = $1 ORDER BY leaf_index', [ledgerId]);
  const leaves = [...rows.map(({ entry }) => leafHash(entry)), ...Array.from({ length: surplus }, (_, i) => leafHash(Buffer.from(`elsewhere ${i}`)))];
  const head = { origin, treeSize: leaves.length, root: rootOf(leaves) };
  await keys.asLedger(async ({ signer }) => void (await signer.sign(head, Math.floor(Date.now() / 1000), async (oldSize) => consistencyProofOf(oldSize, leaves))));
}

describe('checkpoints before the key service is there', () => {
  it('are not needed to start, nor to append', async () => {
    await ledger.receiptsOf(await ledger.send('early', 4));
    expect(await checkpointsOf('early')).toBe(0);
    await keys.start();
    await signedUpTo('early', 4);
    await keys.kill();
    await ledger.halt();
    await ledger.launch();
    await ledger.receiptsOf(await ledger.send('early', 4));
    expect((await view('early')).checkpoint?.treeSize).toBe(4);
    await keys.start();
    await signedUpTo('early', 8);
    expect((await ledger.verify('early')).verdict).toBe('intact');
  });
});

describe('checkpoints with keys of the key service', () => {
  beforeEach(async () => {
    if (!keys.isUp) await keys.start();
  });

  it('are signed by it alone', async () => {
    const receipts = await ledger.receiptsOf(await ledger.send('alone', 20));
    expect(receipts).toHaveLength(20);
    await signedUpTo('alone', 20);
    const { origin, vkeys, checkpoint } = await view('alone');
    const ofService = (await keys.operator.client.ask('vkeys', { origin })).result.vkeys;
    expect(vkeys).toEqual(ofService);
    expect(verifyCheckpoint(checkpoint!.note, { origin, vkeys: ofService.map(parseVkey) })).toMatchObject({ treeSize: 20 });
    expect(readdirSync(join(ledger.stateDir, 'keys')).sort()).toEqual(['sealing.key', 'signing-keys.sealed']);
    // A ledger that asked before it was back may tell last that it was away.
    await ledger.until('the metric tells', async () => (await availability()) === '1');
  });

  it('wait while it is dead, and come when it is back; appends go on', async () => {
    await ledger.receiptsOf(await ledger.send('dead-known', 5));
    await signedUpTo('dead-known', 5);
    await keys.kill();
    await ledger.receiptsOf(await ledger.send('dead-known', 7));
    await ledger.receiptsOf(await ledger.send('dead-new', 3));
    await ledger.until('the metric tells', async () => (await availability()) === '0');
    expect(await checkpointsOf('dead-known')).toBe(5);
    expect(await checkpointsOf('dead-new')).toBe(0);
    expect((await fetch(`${ledger.url}/readyz`)).status).toBe(200);
    // What was signed before is verified without it.
    expect((await view('dead-known')).checkpoint?.treeSize).toBe(5);
    const unknown = await fetch(`${ledger.url}/ledgers/dead-new`);
    expect([unknown.status, ((await unknown.json()) as { code: string }).code]).toEqual([503, 'KEYS_UNAVAILABLE']);
    await keys.start();
    await signedUpTo('dead-known', 12);
    await signedUpTo('dead-new', 3);
    // A ledger that asked before it was back may tell last that it was away.
    await ledger.until('the metric tells', async () => (await availability()) === '1');
    expect((await ledger.verify('dead-known')).verdict).toBe('intact');
  });

  it('are refused for a tree that does not extend the one signed last: the ledger is broken, appends stop, a restart changes nothing', async () => {
    for (const tenant of ['acme', 'globex', 'initech']) {
      await ledger.receiptsOf(await ledger.send(tenant, 5));
      await signedUpTo(tenant, 5);
      // The first pass over the whole ledger comes by itself, and would find what is signed elsewhere before anything is appended.
      expect((await ledger.verify(tenant)).verdict).toBe('intact');
    }
    await signElsewhere('acme', 3);
    await signElsewhere('globex', 100);
    await ledger.receiptsOf(await ledger.send('acme', 4));
    await ledger.receiptsOf(await ledger.send('globex', 4));
    const brokenBy = async (tenant: string) => ledger.verdicts.findLast((one) => one.tenant === tenant && one.verdict === 'broken')?.fault;
    await ledger.until('both verdicts', async () => (await brokenBy('acme')) !== undefined && (await brokenBy('globex')) !== undefined);
    expect(await brokenBy('acme')).toMatchObject({ code: 'HISTORY_REWRITTEN', firstIndex: 5, lastIndex: 7 });
    expect(await brokenBy('globex')).toMatchObject({ code: 'LEDGER_ROLLED_BACK', firstIndex: 9, lastIndex: 104 });
    const metrics = await (await fetch(`${ledger.url}/metrics`)).text();
    for (const [tenant, intact] of [['acme', 0], ['globex', 0], ['initech', 1]]) expect(metrics).toMatch(new RegExp(`^countersign_ledger_intact\\{.*tenant="${tenant}".*\\} ${intact}$`, 'm'));
    await ledger.send('acme', 2);
    await ledger.receiptsOf(await ledger.send('initech', 2));
    expect(await entriesOf('acme')).toBe(9);
    await ledger.until('the system ledger tells', async () => JSON.stringify(await ledger.get('ledgers/system/events?type=ledger.integrity.broken')).includes('HISTORY_REWRITTEN'));
    await keys.kill();
    await ledger.halt();
    await ledger.launch();
    await ledger.receiptsOf(await ledger.send('initech', 1));
    // Longer than the key service is waited for: without its memory nothing that was broken is found intact.
    await sleep(2 * KEYS_ASKED_MS_MAX);
    expect(await entriesOf('acme')).toBe(9);
    expect(await ledger.get('ledgers/acme/verdicts?limit=1')).toMatchObject({ verdicts: [{ verdict: 'broken' }] });
    expect(await (await fetch(`${ledger.url}/metrics`)).text()).toMatch(/^countersign_ledger_intact\{.*tenant="acme".*\} 0$/m);
  });
});
