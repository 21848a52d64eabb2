import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Verdict } from '@countersign/contracts';
import { ServiceProcess } from '../fixture/service-process.js';
import { Superuser, type BackUp } from '../fixture/superuser.js';

let service: ServiceProcess;
beforeAll(async () => {
  service = await ServiceProcess.start();
}, 60_000);
afterAll(() => service?.stop(), 60_000);

const SIZE = 300;
const brokenAs = (tenant: string, code: string) => (verdict: Verdict): boolean => verdict.tenant === tenant && verdict.fault?.code === code && verdict.kind === 'full';
const intact = (tenant: string) => (verdict: Verdict): boolean => verdict.tenant === tenant && verdict.verdict === 'intact';

async function attack(tenant: string, backUp: BackUp): Promise<Superuser> {
  const superuser = Superuser.open(service.admin, await service.ledger(tenant));
  await superuser.backUp(backUp);
  return superuser;
}

async function treeSize(tenant: string): Promise<unknown> {
  return ((await service.get(`ledgers/${tenant}`)) as { treeSize: number }).treeSize;
}

describe('a running ledger whose database is tampered with', () => {
  let superuser: Superuser;
  let verdict: Verdict;
  let parked: string[];

  it('finds it by itself, says what and where, and stores and publishes it', async () => {
    await service.receiptsOf(await service.send('acme', SIZE));
    await service.receiptsOf(await service.send('globex', 50));
    await service.until('a checkpoint covers all of it', async () => (await service.verify('acme')).toIndex === SIZE);
    superuser = await attack('acme', 'pristine');
    const from = service.verdicts.length;
    await superuser.edit(120, (text) => text.replace('"id":"u-1"', '"id":"u-2"'));
    verdict = await service.verdict(from, brokenAs('acme', 'ENTRY_ALTERED'));
    const { recordedAt } = JSON.parse((await superuser.entries())[119]!.entry.toString()) as { recordedAt: string };
    expect(verdict).toMatchObject({ tenant: 'acme', verdict: 'broken', fault: { code: 'ENTRY_ALTERED', firstIndex: 120, lastIndex: 120, firstBadTime: recordedAt } });
    const { verdicts } = (await service.get('ledgers/acme/verdicts')) as { verdicts: Verdict[] };
    expect(verdicts.find(({ startedAt }) => startedAt === verdict.startedAt)).toEqual(verdict);
  }, 60_000);

  it('records an alert in the system ledger', async () => {
    const alerts = async (): Promise<{ entry: { type: string; severity: string; resource: unknown }; parts: { value: unknown }[] }[]> =>
      ((await service.get('ledgers/system/events?severity=alert')) as { events: never[] }).events;
    await service.until('the alert is there', async () => (await alerts()).length > 0);
    const [alert] = (await alerts()).slice(-1);
    expect(alert!.entry).toMatchObject({ type: 'ledger.integrity.broken', severity: 'alert', outcome: 'failure', resource: { type: 'ledger', id: 'acme' } });
    expect(alert!.parts[0]!.value).toMatchObject({ tenant: 'acme', verdict: 'broken', fault: verdict.fault });
  }, 60_000);

  it('appends nothing more to that ledger and gives no receipt, while others go on', async () => {
    parked = await service.send('acme', 150);
    await service.receiptsOf(await service.send('globex', 10));
    await service.until('the messages are parked', async () => (await service.parkedMessages()) === 2);
    expect(parked.filter((id) => service.receipts.has(id))).toEqual([]);
    expect([await treeSize('acme'), await treeSize('globex')]).toEqual([SIZE, 60]);
  }, 60_000);

  it('stays stopped after a restart', async () => {
    await service.halt();
    await service.launch();
    parked.push(...(await service.send('acme', 10)));
    await service.until('the message is parked', async () => (await service.parkedMessages()) === 3);
    expect(await treeSize('acme')).toBe(SIZE);
    expect((await service.verify('acme')).fault).toMatchObject({ code: 'ENTRY_ALTERED', firstIndex: 120 });
  }, 60_000);

  it('goes on once the rows are restored and the whole history was verified, the parked messages first', async () => {
    const from = service.verdicts.length;
    await superuser.restoreOwn('pristine');
    expect(await service.verify('acme')).toMatchObject({ verdict: 'intact', fromIndex: 0, toIndex: SIZE });
    const receipts = await service.receiptsOf(parked);
    expect(receipts.map((receipt) => receipt.index).sort((a, b) => a - b)).toEqual(Array.from({ length: 160 }, (_, i) => SIZE + i));
    expect(await service.parkedMessages()).toBe(0);
    await service.verdict(from, (one) => intact('acme')(one) && one.toIndex === SIZE + 160);
    await service.receiptsOf(await service.send('acme', 5));
  }, 60_000);
});

describe('a ledger whose database was put back while it was away', () => {
  const tenant = 'initech';

  it('is opened stopped: no event gets an index that was given before', async () => {
    await service.receiptsOf(await service.send(tenant, 200));
    await service.until('a checkpoint covers all of it', async () => (await service.verify(tenant)).toIndex === 200);
    const superuser = await attack(tenant, 'backup');
    await service.halt();
    await superuser.putHistory((await superuser.entries()).slice(0, 150));
    await superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1 AND tree_size > 150', []);
    const from = service.verdicts.length;
    await service.launch();
    const ids = await service.send(tenant, 5);
    const { fault } = await service.verdict(from, brokenAs(tenant, 'LEDGER_ROLLED_BACK'));
    expect(fault).toMatchObject({ firstIndex: 150, lastIndex: 199 });
    await service.until('the message is parked', async () => (await service.parkedMessages()) === 1);
    expect((await superuser.entries()).length).toBe(150);

    await superuser.restoreOwn('backup');
    expect(await service.verify(tenant)).toMatchObject({ verdict: 'intact' });
    expect((await service.receiptsOf(ids)).map((receipt) => receipt.index)).toEqual([200, 201, 202, 203, 204]);
  }, 60_000);

  it('is found broken even when the database has forgotten that it exists', async () => {
    const superuser = Superuser.open(service.admin, await service.ledger(tenant));
    await service.halt();
    for (const table of ['heads', 'entries', 'tiles', 'checkpoints', 'ledgers']) await superuser.sql(`DELETE FROM ${table} WHERE ledger_id = $1`, []);
    const from = service.verdicts.length;
    await service.launch();
    const { fault } = await service.verdict(from, brokenAs(tenant, 'LEDGER_ROLLED_BACK'));
    expect(fault).toMatchObject({ firstIndex: 0, lastIndex: 204 });
  }, 60_000);
});
