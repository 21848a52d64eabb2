import { describe, expect, it } from '@jest/globals';
import { KeyClientError } from '@countersign/key-client';
import { ParkedMessages } from '../../src/append/parked-messages.js';
import { ParkedReplay, type Taker, type Unreplayed } from '../../src/append/parked-replay.js';
import type { PendingMessage } from '../../src/append/settle.js';
import { SEALER } from './append-stand.js';

const LEDGER = { ledgerId: 1, tenant: 'acme', origin: 'ledger.example/acme' };
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
};

/** Three parked messages, of which the second has a key that is refused until it is mended. */
function stand() {
  const state = { isMended: false, parked: [1, 2, 3] };
  const taken: string[] = [];
  const told: Unreplayed[] = [];
  const parked = new ParkedMessages(
    {
      park: async () => undefined,
      parked: async (_ledger, _limit, except) =>
        state.parked.filter((parkedId) => !except.includes(parkedId)).map((parkedId) => ({ parkedId, subject: 'intake.shop.acme', body: { clear: Buffer.from(`m${parkedId}`) } })),
      unpark: async (_ledger, ids) => void (state.parked = state.parked.filter((parkedId) => !ids.includes(parkedId))),
    },
    SEALER,
  );
  const replay = new ParkedReplay(LEDGER, {
    parked,
    replay: async ({ subject, body }, settle): Promise<PendingMessage> => {
      if (body.toString() === 'm2' && !state.isMended) throw new KeyClientError('TENANT_FORBIDDEN', 'no');
      return { subject, source: 'shop', body, sealed: undefined, redelivered: true, admit: () => [], ack: () => settle.ack(), putBack: (why) => settle.putBack(why) };
    },
    onUnreplayed: (problem) => told.push(problem),
    passedOverMs: 5,
  });
  const appender: Taker = {
    hasStopped: false,
    ended: new Promise(() => undefined),
    offer: (message) => {
      taken.push(Buffer.from(message.body).toString());
      message.ack();
    },
  };
  return { state, taken, told, replay, appender };
}

describe('parked messages', () => {
  it('pass by one whose key is refused, which is tried again and taken up once that is mended', async () => {
    const { state, taken, told, replay, appender } = stand();
    expect(await replay.some(appender)).toBe(3);
    expect([taken, state.parked]).toEqual([['m1', 'm3'], [2]]);
    expect(told).toEqual([{ parkedId: 2, fault: 'TENANT_FORBIDDEN' }]);
    expect(await replay.some(appender)).toBe(0);
    replay.postpone(appender, 0);
    await until(() => told.length > 3);
    state.isMended = true;
    await until(() => state.parked.length === 0);
    expect(taken).toEqual(['m1', 'm3', 'm2']);
    await replay.end();
  });
});
