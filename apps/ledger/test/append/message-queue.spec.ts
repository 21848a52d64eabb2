import v8 from 'node:v8';
import vm from 'node:vm';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MessageQueue } from '../../src/append/message-queue.js';
import type { PendingMessage } from '../../src/append/settle.js';

const message = (name: string, body: Uint8Array = Buffer.alloc(0)): PendingMessage => ({
  subject: name,
  source: 'identity',
  body,
  redelivered: false,
  sealed: undefined,
  admit: () => [],
  ack: () => undefined,
  putBack: () => undefined,
});

const names = (messages: readonly PendingMessage[]): string[] => messages.map(({ subject }) => subject);

describe('the message queue', () => {
  it('keeps the order through pushing, taking and giving back', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('push' as const), count: fc.nat(90) }),
      fc.record({ what: fc.constant('take' as const), count: fc.nat(90) }),
      fc.record({ what: fc.constant('giveBack' as const), count: fc.nat(90) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const queue = new MessageQueue();
        const expected: string[] = [];
        let taken: PendingMessage[] = [];
        let made = 0;
        for (const { what, count } of steps) {
          for (let i = 0; i < count && what === 'push'; i++) {
            expected.push(String(made));
            queue.push(message(String(made++)));
          }
          for (let i = 0; i < count && what === 'take'; i++) {
            const one = queue.shift();
            expect(one?.subject).toBe(expected.shift());
            if (one !== undefined) taken.push(one);
          }
          if (what === 'giveBack') {
            const back = taken.slice(-count - 1);
            taken = taken.slice(0, -count - 1);
            queue.unshift(back);
            expected.unshift(...names(back));
          }
          expect(queue.length).toBe(expected.length);
          expect(names(queue.front(5))).toEqual(expected.slice(0, 5));
        }
        expect(names(queue.takeAll())).toEqual(expected);
        expect(queue.length).toBe(0);
      }),
    );
  });

  it('lets go of what was taken although it is never empty', async () => {
    v8.setFlagsFromString('--expose-gc');
    const collect = vm.runInNewContext('gc') as () => void;
    const queue = new MessageQueue();
    const taken: WeakRef<PendingMessage>[] = [];
    const lengths: number[] = [];
    queue.push(message('first'));
    for (let i = 0; i < 5_000; i++) {
      queue.push(message(String(i), Buffer.alloc(64)));
      taken.push(new WeakRef(queue.shift()!));
      lengths.push(queue.length);
      if (i % 500 === 0) await nextTurn();
    }
    await nextTurn();
    collect();
    const reachable = taken.filter((ref) => ref.deref() !== undefined).length;
    expect(Math.max(...lengths)).toBe(1);
    // Some wait for the next compaction, never more than it takes.
    expect(reachable).toBeLessThan(64);
  });

  it('wakes who waits when a message arrives and when it is closed', async () => {
    const queue = new MessageQueue();
    const woken: string[] = [];
    const first = queue.arrival().then(() => woken.push('first'));
    await nextTurn();
    expect(woken).toEqual([]);
    queue.push(message('a'));
    await first;
    await queue.arrival();
    queue.shift();
    const second = queue.arrival().then(() => woken.push('second'));
    queue.close();
    await second;
    await queue.arrival();
    expect(woken).toEqual(['first', 'second']);
  });
});
