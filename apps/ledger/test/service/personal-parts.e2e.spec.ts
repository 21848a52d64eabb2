import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Event, Receipt } from '@countersign/chain';
import type { LedgerView, PartView, RecordedEvent, RefusedEvent } from '@countersign/contracts';
import { spellings, tablesWith } from '@countersign/devstack';
import type { KeysProcess } from '../fixture/keys-process.js';
import { makeEvent, makeEvents } from '../fixture/ledger-fixture.js';
import { ServiceProcess } from '../fixture/service-process.js';

const ANA = 'Ana Canary 71-3-19';
const BEN = 'Ben Canary 44-8-02';
/** Stands in the clear on purpose. */
const OPEN = 'Carl Canary 90-5-61';
/** The intake has 2,000 unacknowledged at most. */
const WAITING_MESSAGES = 2_100;

/** The key service is waited for once (3 s), and not by each step of the shutdown: Docker kills after 10 s. */
const END_MS_MAX = 6_000;

let ledger: ServiceProcess;
let keys: KeysProcess;

// One stand for all, a tenant for each; the key service is started by the first of them.
beforeAll(async () => {
  ({ ledger, keys } = await ServiceProcess.startWithKeys({ areKeysUp: false }));
}, 60_000);
afterAll(async () => {
  await keys.stop();
  await ledger.stop();
}, 60_000);

const about = (tenant: string, subject: string, name: string): Event => makeEvent(tenant, { id: randomUUID(), personal: [{ subject, data: { name } }] });
async function recorded(event: Event): Promise<Receipt> {
  const [receipt] = await ledger.receiptsOf(await ledger.sendEvents(event.tenant, [event]));
  return receipt!;
}
async function personalOf(tenant: string, { index }: Receipt): Promise<PartView[]> {
  const { parts } = (await ledger.get(`ledgers/${tenant}/entries/${index}`)) as RecordedEvent;
  return parts.filter(({ name }) => name === 'personal');
}
/** What an event gets that is sent once more. */
function recordedAgain(event: Event): Promise<Receipt> {
  ledger.receipts.delete(event.id);
  return recorded(event);
}
const refusals = async (tenant: string): Promise<RefusedEvent[]> => ((await ledger.get(`ledgers/${tenant}/refused`)) as { refused: RefusedEvent[] }).refused;
const view = async (tenant: string): Promise<LedgerView> => (await ledger.get(`ledgers/${tenant}`)) as LedgerView;
const erase = (tenant: string, subject: string) => keys.operator.client.ask('destroy-subject', { tenant, subject, reason: 'request 17' });

async function requireNoClearText(...canaries: string[]): Promise<void> {
  expect(await tablesWith(ledger.admin, canaries.flatMap(spellings))).toEqual([]);
  for (const database of ['keys', 'keys_subjects'] as const) expect(await ledger.tablesOf(database, canaries.flatMap(spellings))).toEqual([]);
  expect(await ledger.filesWith(canaries)).toEqual([]);
}

describe('personal parts before the key service is there', () => {
  it('wait for their keys when the key service is away at the start; events without any do not', async () => {
    // More than the bus delivers unacknowledged: waiting, they must not hold up who needs no key.
    const waiting: string[] = [];
    for (let n = 0; n < WAITING_MESSAGES; n += 100) {
      const sent = Array.from({ length: 100 }, () => ledger.sendEvents('waiting', [about('waiting', 'u-ana', ANA)]));
      waiting.push(...(await Promise.all(sent)).flat());
    }
    const refused = { ...about('waiting', 'u-ana', ANA), severity: 'dire' } as unknown as Event;
    await ledger.sendEvents('waiting', [refused]);
    await ledger.until('they wait', async () => (await ledger.metric('countersign_ledger_waiting_messages')) === WAITING_MESSAGES + 1);
    await ledger.receiptsOf(await ledger.send('waiting', 5));
    await requireNoClearText(ANA);
    expect(waiting.some((id) => ledger.receipts.has(id))).toBe(false);
    await keys.start();
    const [receipt] = await ledger.receiptsOf(waiting);
    await ledger.until('the refusal is kept', async () => (await refusals('waiting')).some(({ eventId }) => eventId === refused.id));
    expect((await personalOf('waiting', receipt!))[0]).toMatchObject({ state: 'present', value: { name: ANA } });
    await keys.kill();
    // Whose key is at hand is encrypted and read without it, until the lease ends.
    const known = await recorded(about('waiting', 'u-ana', `${ANA} 2`));
    expect((await personalOf('waiting', known))[0]!.state).toBe('present');
    const askedToEndAt = performance.now();
    await ledger.halt();
    expect(performance.now() - askedToEndAt).toBeLessThan(END_MS_MAX);
    await ledger.launch();
    expect(await personalOf('waiting', known)).toEqual([{ name: 'personal', subject: 'u-ana', state: 'unavailable', code: 'KEYS_UNAVAILABLE' }]);
    await requireNoClearText(ANA);
  });
});

describe('personal parts with keys of the key service', () => {
  beforeEach(async () => {
    if (!keys.isUp) await keys.start();
  });

  it('are never stored in the clear, and read back', async () => {
    const both = makeEvent('clear', { id: randomUUID(), personal: [{ subject: 'u-ana', data: { name: ANA } }, { subject: 'u-ben', data: { name: BEN } }] });
    const receipt = await recorded(both);
    expect(await personalOf('clear', receipt)).toEqual([
      { name: 'personal', subject: 'u-ana', state: 'present', value: { name: ANA } },
      { name: 'personal', subject: 'u-ben', state: 'present', value: { name: BEN } },
    ]);
    const { entry } = (await ledger.get(`ledgers/clear/entries/${receipt.index}`)) as { entry: { parts: { enc: string }[] } };
    expect(entry.parts.map(({ enc }) => enc)).toEqual(['v2', 'v2']);
    await requireNoClearText(ANA, BEN);
    // The scan finds what is there: a salted part's text, in hex.
    const open = await recorded(makeEvent('clear', { id: randomUUID(), data: { note: OPEN } }));
    expect(open.index).toBe(1);
    expect(await tablesWith(ledger.admin, spellings(OPEN))).toEqual(['public.entries']);
    expect((await ledger.filesWith([OPEN])).length).toBeGreaterThan(0);
    // The same again is the same event, although it is sealed anew.
    expect((await recorded(both)).index).toBe(0);
  });

  it('of an erased subject are gone at once, in the past and in the future; others read, and everything verifies', async () => {
    const sent = about('erased', 'u-ana', ANA);
    const ana = await recorded(sent);
    const ben = await recorded(about('erased', 'u-ben', BEN));
    expect((await personalOf('erased', ana))[0]!.state).toBe('present');
    await erase('erased', 'u-ana');
    await ledger.until('the ledger has dropped the key', async () => (await personalOf('erased', ana))[0]!.state === 'erased');
    expect(await personalOf('erased', ana)).toEqual([{ name: 'personal', subject: 'u-ana', state: 'erased' }]);
    expect(await personalOf('erased', ben)).toEqual([{ name: 'personal', subject: 'u-ben', state: 'present', value: { name: BEN } }]);
    const later = await recorded(about('erased', 'u-ana', `${ANA} again`));
    expect(await personalOf('erased', later)).toEqual([{ name: 'personal', subject: 'u-ana', state: 'erased' }]);
    // Sent once more it is known, with the erased part and without, and another event under its id is still refused.
    expect(await recordedAgain(sent)).toEqual(ana);
    expect(await recordedAgain({ ...sent, personal: undefined })).toEqual(ana);
    await ledger.sendEvents('erased', [{ ...sent, severity: 'alert', personal: [{ subject: 'u-ben', data: { name: BEN } }] }]);
    await ledger.until('the other is refused', async () => (await refusals('erased')).some(({ eventId, code }) => eventId === sent.id && code === 'EVENT_ID_REUSED'));
    await requireNoClearText(ANA, BEN);
    const [{ refusalId }] = (await refusals('erased')) as [RefusedEvent];
    expect(await ledger.openRefusal(refusalId)).toMatchObject({ code: 'EVENT_ID_REUSED', personal: [{ state: 'present', value: { name: BEN } }] });
    expect((await ledger.verify('erased')).verdict).toBe('intact');
    await ledger.until('the checkpoint covers all', async () => (await view('erased')).checkpoint?.treeSize === 3);
    const { text, verified } = await ledger.verifiedExport('erased');
    expect(verified.treeSize).toBe(3);
    expect([...spellings(ANA), ...spellings(BEN)].filter((spelling) => text.includes(spelling))).toEqual([]);
    await ledger.halt();
    await ledger.launch();
    expect((await personalOf('erased', later))[0]!.state).toBe('erased');
    expect((await personalOf('erased', ben))[0]!.state).toBe('present');
    // An erasure reaches what was refused too.
    await erase('erased', 'u-ben');
    const opened = JSON.stringify(await ledger.openRefusal(refusalId));
    expect([opened.includes('"erased"'), opened.includes(BEN)]).toEqual([true, false]);
  });

  it('are all recorded, none in the clear, while the key service is killed and comes back', async () => {
    const sent: string[] = [];
    const load = new AbortController();
    const loading = (async () => {
      for (let n = 0; !load.signal.aborted; n++) {
        const events = makeEvents('killed', 20, (i) => ({ id: randomUUID(), personal: [{ subject: `u-${n}-${i % 4}`, data: { name: `${ANA} ${n}` } }] }));
        sent.push(...(await ledger.sendEvents('killed', events)));
        await sleep(20);
      }
    })();
    // Many more in `npm run test:faults`.
    await sleep(700);
    await keys.kill();
    await sleep(700);
    await keys.start();
    load.abort();
    await loading;
    const receipts = await ledger.receiptsOf(sent);
    expect(new Set(receipts.map(({ index }) => index)).size).toBe(sent.length);
    await requireNoClearText(ANA);
    for (const receipt of [receipts[0]!, receipts.at(-1)!]) expect((await personalOf('killed', receipt))[0]!.state).toBe('present');
    await ledger.until('the checkpoint covers all', async () => (await view('killed')).checkpoint?.treeSize === sent.length);
    expect((await ledger.verify('killed')).verdict).toBe('intact');
  });
});
