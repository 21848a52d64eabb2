import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { formatCheckpoint, type TreeHead } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import { claimedState } from '../../src/verify/claimed-state.js';
import type { VerificationOptions } from '../../src/verify/verification.js';
import { verifySegment } from '../../src/verify/verify-segment.js';
import { asAttacker } from '../append/append-stand.js';
import { makeEvents, startLedgerFixture, type LedgerFixture, type TestLedger } from '../fixture/ledger-fixture.js';
import { VerificationStand, until } from './verification-stand.js';

let fixture: LedgerFixture;
const stands: VerificationStand[] = [];
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.verification.stop();
});
afterAll(() => fixture.stop());

async function grow(ledger: TestLedger, count: number): Promise<void> {
  await ledger.append(makeEvents(ledger.tenant, count));
  await ledger.sign();
}

/** A ledger of 600 events, fully verified a moment ago as far as the progress file says. */
async function open(tenant: string, given: Partial<VerificationOptions> = {}): Promise<VerificationStand> {
  const ledger = await fixture.ledger(tenant);
  await grow(ledger, 600);
  const stand = await VerificationStand.open(fixture, ledger, given);
  stands.push(stand);
  await stand.progress.save(tenant, { lastFullAt: new Date().toISOString() });
  return stand;
}

const ALTER = "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'u-1', 'u-2'), 'UTF8') WHERE ledger_id = $1 AND leaf_index = 300";
const RESTORE = ALTER.replace("'u-1', 'u-2'", "'u-2', 'u-1'");
const alter = ({ ledger }: VerificationStand): Promise<void> => asAttacker(fixture, ALTER, [ledger.ledgerId]);
const restore = ({ ledger }: VerificationStand): Promise<void> => asAttacker(fixture, RESTORE, [ledger.ledgerId]);

describe('verification of the tail', () => {
  it('covers what grew, from where it stood, and rests while nothing grows', async () => {
    const stand = await open('tail');
    const { verification, ledger } = stand;
    expect(await verification.watch(ledger)).toEqual({ broken: false });
    verification.start();
    await until(() => stand.recorded.length === 1);
    expect(stand.unverifiedSeconds).toBe(0);
    await sleep(100);
    await grow(ledger, 100);
    verification.grew(ledger);
    await until(() => stand.recorded.length === 2);
    await sleep(100);
    expect(stand.verdicts()).toEqual([
      { verdict: 'intact', kind: 'tail', fromIndex: 0, toIndex: 600 },
      { verdict: 'intact', kind: 'tail', fromIndex: 600, toIndex: 700 },
    ]);
    expect(stand.recorded.map(({ toLedger }) => toLedger)).toEqual([false, false]);
    expect((await stand.saved()).verified?.index).toBe(700);

    await stand.restart();
    await stand.verification.watch(ledger);
    await grow(ledger, 50);
    stand.verification.start();
    await until(() => stand.recorded.length === 3);
    expect(stand.verdicts().at(-1)).toEqual({ verdict: 'intact', kind: 'tail', fromIndex: 700, toIndex: 750 });
  });

  it('still owes a pass to events that were committed and not signed yet', async () => {
    const stand = await open('unsigned');
    const { verification, ledger } = stand;
    await verification.watch(ledger);
    await ledger.append(makeEvents(ledger.tenant, 5));
    verification.start();
    await until(() => stand.recorded.length >= 2);
    expect(stand.verdicts()[1]).toEqual({ verdict: 'intact', kind: 'tail', fromIndex: 600, toIndex: 600 });
    await until(() => stand.unverifiedSeconds > 0);
    // Its age is that of the oldest one not covered, not that of the first one ever.
    expect(stand.unverifiedSeconds).toBeLessThan(5);
    await ledger.sign();
    await until(() => stand.verdicts().at(-1)!.toIndex === 605 && stand.unverifiedSeconds === 0);
  });

  it('finds a break, stops the ledger, and keeps that outside the database', async () => {
    const stand = await open('tail-break');
    const { verification, ledger } = stand;
    await alter(stand);
    await verification.watch(ledger);
    verification.start();
    // What began in the middle is judged by a pass over everything, and by no further one.
    await until(() => stand.recorded.length === 2);
    await sleep(100);
    expect(stand.happened).toEqual(['stop', 'record broken', 'stop', 'record broken']);
    expect(stand.recorded.map(({ verdict: { kind }, toLedger }) => ({ kind, toLedger }))).toEqual([{ kind: 'tail', toLedger: true }, { kind: 'full', toLedger: true }]);
    const { verdict } = stand.recorded[1]!;
    expect(verdict).toMatchObject({ tenant: 'tail-break', verdict: 'broken', fault: { code: 'ENTRY_ALTERED', firstIndex: 300, lastIndex: 300 } });
    expect((await stand.saved()).broken).toEqual(verdict);
    expect(verification.latest('tail-break')).toEqual(verdict);
    expect([...verification.status()]).toMatchObject([{ tenant: 'tail-break', intact: false }]);
  });
});

describe('verification of the whole history', () => {
  it('comes when it is due, and is recorded in the system ledger each time', async () => {
    const stand = await open('cycle', { fullIntervalMs: 150, tailIntervalMs: 60_000 });
    await stand.progress.save('cycle', {});
    await stand.verification.watch(stand.ledger);
    stand.verification.start();
    await until(() => stand.recorded.length === 2);
    await stand.verification.stop();
    expect(stand.recorded.slice(0, 2).map(({ verdict: { kind, fromIndex, toIndex }, toLedger }) => ({ kind, fromIndex, toIndex, toLedger }))).toEqual([
      { kind: 'full', fromIndex: 0, toIndex: 600, toLedger: true },
      { kind: 'full', fromIndex: 0, toIndex: 600, toLedger: true },
    ]);
    const { lastFullAt, full, broken } = await stand.saved();
    expect([Date.parse(lastFullAt!) > Date.now() - 60_000, full, broken]).toEqual([true, undefined, undefined]);
  });

  it('goes on where it was interrupted', async () => {
    const stand = await open('interrupted');
    await stand.verification.watch(stand.ledger);
    await stand.verification.verifyNow('interrupted', { fromIndex: 0, toIndex: 256 });
    // What a pass over many stretches leaves when the process ends after the first.
    await stand.verification.verifyNow('interrupted', {});
    const { verified } = await stand.saved();
    expect(verified?.index).toBe(600);
    await grow(stand.ledger, 200);
    await stand.progress.save('interrupted', { full: verified });
    await stand.restart();
    await stand.verification.watch(stand.ledger);
    stand.verification.start();
    await until(() => stand.verdicts().at(-1)!.toIndex === 800);
    expect(stand.verdicts().at(-1)).toEqual({ verdict: 'intact', kind: 'full', fromIndex: 600, toIndex: 800 });
    expect((await stand.saved()).full).toBe(undefined);
  });

  it('begins at once after a restart of a broken ledger, and lets it go on when it is intact again', async () => {
    const stand = await open('mended', { tailIntervalMs: 60_000 });
    await alter(stand);
    await stand.verification.watch(stand.ledger);
    const broken = await stand.verification.verifyNow('mended', {});
    expect(broken.fault?.code).toBe('ENTRY_ALTERED');
    await stand.restart();
    expect(await stand.verification.watch(stand.ledger)).toEqual({ broken: true });
    await until(() => stand.recorded.length === 2);
    expect(stand.happened).toEqual(['stop', 'record broken', 'stop', 'record broken']);

    // A good range does not undo a break.
    await stand.verification.verifyNow('mended', { fromIndex: 0, toIndex: 256 });
    expect(stand.verification.latest('mended')?.verdict).toBe('broken');
    await restore(stand);
    const intact = await stand.verification.verifyNow('mended', {});
    expect(intact).toMatchObject({ verdict: 'intact', kind: 'full' });
    expect(stand.happened.slice(-3)).toEqual(['record intact', 'record intact', 'resume']);
    expect(stand.recorded.map(({ toLedger }) => toLedger)).toEqual([true, true, false, true]);
    expect((await stand.saved()).broken).toBe(undefined);
    await stand.restart();
    expect(await stand.verification.watch(stand.ledger)).toEqual({ broken: false });
  });
});

describe('a broken ledger', () => {
  it('is said to be one again and again, also after a restart, until it is intact', async () => {
    const given = { tailIntervalMs: 60_000, sayAgainMs: 50 };
    const stand = await open('said-again', given);
    await alter(stand);
    await stand.verification.watch(stand.ledger);
    stand.verification.start();
    const broken = await stand.verification.verifyNow('said-again', {});
    await until(() => stand.saidAgain.length > 1);
    expect(stand.saidAgain).toEqual(stand.saidAgain.map(() => broken));
    await stand.restart(given);
    await stand.verification.watch(stand.ledger);
    const before = stand.saidAgain.length;
    stand.verification.start();
    await until(() => stand.saidAgain.length > before + 1);
    expect(stand.saidAgain.at(-1)).toMatchObject({ tenant: 'said-again', verdict: 'broken', fault: { code: 'ENTRY_ALTERED' } });
    await restore(stand);
    expect((await stand.verification.verifyNow('said-again', {})).verdict).toBe('intact');
    const after = stand.saidAgain.length;
    await sleep(200);
    expect(stand.saidAgain.length).toBe(after);
  });
});

describe('verification of a range', () => {
  it('reads what it was asked for, as far as it is signed', async () => {
    const stand = await open('range');
    const { verification } = stand;
    await verification.watch(stand.ledger);
    await verification.verifyNow('range', { fromIndex: 100, toIndex: 101 });
    await verification.verifyNow('range', { fromIndex: 256 });
    await verification.verifyNow('range', { toIndex: 9_999 });
    expect(stand.verdicts()).toEqual([
      { verdict: 'intact', kind: 'range', fromIndex: 100, toIndex: 101 },
      { verdict: 'intact', kind: 'range', fromIndex: 256, toIndex: 600 },
      { verdict: 'intact', kind: 'range', fromIndex: 0, toIndex: 600 },
    ]);
    // A range says nothing about what lies before it.
    expect((await stand.saved()).verified).toBe(undefined);
  });

  it('finds a break inside, and none outside of it', async () => {
    const stand = await open('range-break');
    await stand.verification.watch(stand.ledger);
    await alter(stand);
    expect(await stand.verification.verifyNow('range-break', { fromIndex: 0, toIndex: 256 })).toMatchObject({ verdict: 'intact' });
    expect(await stand.verification.verifyNow('range-break', { fromIndex: 290, toIndex: 310 })).toMatchObject({ verdict: 'broken', fault: { firstIndex: 300 } });
    expect(stand.happened).toEqual(['record intact', 'stop', 'record broken']);
  });

  it.each([
    [{ fromIndex: 5, toIndex: 5 }, 'toIndex must be above fromIndex'],
    [{ fromIndex: 6, toIndex: 5 }, 'toIndex must be above fromIndex'],
    [{ toIndex: 0 }, 'toIndex must be above fromIndex'],
  ])('refuses %j', async (range, message) => {
    const stand = await VerificationStand.open(fixture, await fixture.ledger('range-none'));
    await stand.verification.watch(stand.ledger);
    await expect(stand.verification.verifyNow('range-none', range)).rejects.toThrow(new RangeError(message));
    expect(stand.recorded).toEqual([]);
  });

  it('refuses a ledger that is not there', async () => {
    const stand = await VerificationStand.open(fixture, await fixture.ledger('range-none'));
    await expect(stand.verification.verifyNow('nowhere', {})).rejects.toThrow(new RangeError('no ledger nowhere'));
  });
});

describe('what a verdict asks for', () => {
  it('is tried again, in order, until it is done', async () => {
    const stand = await open('insisting');
    await stand.verification.watch(stand.ledger);
    await alter(stand);
    stand.failures.stop = 1;
    stand.failures.record = 2;
    stand.verification.start();
    await until(() => stand.recorded.length === 2);
    expect(stand.happened.slice(0, 5)).toEqual(['error stop failed', 'stop', 'error record failed', 'error record failed', 'record broken']);
    expect((await stand.saved()).broken?.fault?.code).toBe('ENTRY_ALTERED');

    await restore(stand);
    stand.failures.resume = 1;
    await expect(stand.verification.verifyNow('insisting', {})).rejects.toThrow('resume failed');
    await until(() => stand.happened.at(-1) === 'resume');
    expect(stand.happened.slice(5)).toEqual(['stop', 'record broken', 'record intact', 'resume']);
    expect(stand.recorded.map(({ verdict }) => verdict.verdict)).toEqual(['broken', 'broken', 'intact']);
  });

  it('comes of no pass that failed; the pass is tried again', async () => {
    const stand = await open('failing');
    await stand.verification.watch(stand.ledger);
    stand.failures.segment = 2;
    stand.verification.start();
    await until(() => stand.recorded.length === 1);
    expect(stand.happened).toEqual(['error segment failed', 'error segment failed', 'record intact']);
  });
});

describe('a checkpoint that is archived and not stored', () => {
  const archiveAlone = async ({ ledger }: VerificationStand, change: Partial<TreeHead> = {}): Promise<void> => {
    await ledger.append(makeEvents(ledger.tenant, 300));
    const { rows } = await fixture.admin.query<{ tree_size: string; root_hash: Buffer }>('SELECT tree_size, root_hash FROM heads WHERE ledger_id = $1', [ledger.ledgerId]);
    const head = { origin: ledger.origin, treeSize: Number(rows[0]!.tree_size), root: rows[0]!.root_hash, ...change };
    const signedAt = new Date();
    const note = formatCheckpoint(head, await fixture.signer.sign(head, Math.floor(signedAt.getTime() / 1000)));
    await fixture.archive.save(ledger.tenant, note, { treeSize: head.treeSize, root: head.root.toString('hex'), signedAt: signedAt.toISOString() });
  };

  it('may be on its way: it is not missed before it was confirmed', async () => {
    const stand = await open('on-its-way');
    await stand.verification.watch(stand.ledger);
    await archiveAlone(stand);
    expect(await stand.verification.verifyNow('on-its-way', {})).toMatchObject({ verdict: 'intact', toIndex: 900 });
  });

  it('holds the entries all the same', async () => {
    const stand = await open('held');
    await stand.verification.watch(stand.ledger);
    await archiveAlone(stand, { root: Buffer.alloc(32, 1) });
    expect(await stand.verification.verifyNow('held', {})).toMatchObject({ verdict: 'broken', fault: { code: 'HISTORY_REWRITTEN', firstIndex: 600, lastIndex: 899 } });
  });

  it('is missing once it was confirmed', async () => {
    const stand = await open('taken');
    await stand.verification.watch(stand.ledger);
    await fixture.admin.query('DELETE FROM checkpoints WHERE ledger_id = $1 AND tree_size = 600', [stand.ledger.ledgerId]);
    expect(await stand.verification.verifyNow('taken', {})).toMatchObject({ verdict: 'broken', fault: { code: 'CHECKPOINT_MISSING', firstIndex: 599 } });
  });
});

describe('what entries and tiles claim about a place', () => {
  it('is the state that verification reaches there', async () => {
    const { ledger } = await open('claims');
    const databaseUrl = fixture.url('ledger_reader');
    for (const index of [1, 255, 256, 257, 511, 512, 600]) {
      const claimed = await withClient(databaseUrl, (client) => claimedState(client, ledger, index));
      const job = { databaseUrl, ledger, start: undefined, endIndex: index, signedHeads: [], nextHead: undefined, lastGoodSize: 0, headLastEventHash: undefined };
      expect(await verifySegment(job)).toEqual({ end: claimed, destroyed: { missing: [], statements: [], recalled: [] } });
    }
    expect(await withClient(databaseUrl, (client) => claimedState(client, ledger, 0))).toBe(undefined);
    await expect(withClient(databaseUrl, (client) => claimedState(client, ledger, 602))).rejects.toMatchObject({ code: 'ENTRY_MISSING' });
  });
});

describe('verification', () => {
  it('runs one pass at a time a ledger', async () => {
    const stand = await open('turns');
    await stand.verification.watch(stand.ledger);
    const gate = Promise.withResolvers<void>();
    stand.gate = gate.promise;
    stand.verification.start();
    const asked = [stand.verification.verifyNow('turns', {}), stand.verification.verifyNow('turns', { fromIndex: 1, toIndex: 9 })];
    await until(() => stand.passes === 1);
    gate.resolve();
    expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual(['full', 'range']);
    expect(stand.passesAtOnceMax).toBe(1);
  });

  it('stops in time while a pass is under way, and begins no other', async () => {
    const stand = await open('abandoned');
    await stand.verification.watch(stand.ledger);
    const gate = Promise.withResolvers<void>();
    stand.gate = gate.promise;
    const asked = stand.verification.verifyNow('abandoned', {});
    const waiting = stand.verification.verifyNow('abandoned', { toIndex: 5 });
    waiting.catch(() => undefined);
    await until(() => stand.passes === 1);
    const startedMs = performance.now();
    await stand.verification.stop();
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    gate.resolve();
    await asked;
    await expect(waiting).rejects.toThrow('verification has stopped');
    expect(stand.passes).toBe(1);
  });
});
