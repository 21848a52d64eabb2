import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpanCollector, traced } from '@countersign/devstack';
import { makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { holdHead, storeOf } from './append-stand.js';
import { boundOf, eventsOn, IntakeStand } from './intake-stand.js';

let fixture: LedgerFixture;
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterAll(() => fixture.stop());

describe('the intake, traced', () => {
  it('makes one span of a batch, below the first message whose trace is recorded, and none where none is', async () => {
    const collector = await SpanCollector.start();
    const of = (digit: string, flags: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-${flags}`;
    const messages = [undefined, 'rubbish', of('1', '00'), of('2', '01'), of('3', '01')].map((traceparent) => ({
      ...eventsOn('traced', makeEvents('traced', 2)),
      headers: traceparent === undefined ? undefined : { get: (name: string) => (name === 'traceparent' ? traceparent : '') },
    }));
    await traced(collector, async () => {
      const stand = new IntakeStand(storeOf(fixture));
      const { receive } = boundOf(stand);
      expect(await receive(...messages.slice(0, 3))).toEqual(['ack', 'ack', 'ack']);
      const held = await holdHead(fixture, await storeOf(fixture).ensureLedger('traced'));
      // Behind this one the others gather.
      const first = receive(eventsOn('traced', makeEvents('traced', 1)));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const others = receive(...messages.slice(3));
      await held.release();
      expect([await first, await others]).toEqual([['ack'], ['ack', 'ack']]);
      await stand.intake.stop();
    });
    await collector.stop();
    expect(collector.spans).toMatchObject([{ name: 'append', traceId: '2'.repeat(32), parentSpanId: '2'.repeat(16), kind: 5, links: [{ traceId: '3'.repeat(32) }], attributes: { 'messaging.batch.message_count': 2, 'countersign.events': 4 } }]);
    expect(collector.text).not.toContain('"traced"');
  });
});
