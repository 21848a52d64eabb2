import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureWaitingStream, WaitingRoom, type WaitingMessage, type WaitingRoomOptions, type WaitingState, type WaitingStreamOptions } from '@countersign/bus';
import { openStand, text, until, type BusStand } from './bus-stand.js';

let stand: BusStand;
const rooms: WaitingRoom[] = [];
beforeAll(async () => {
  stand = await openStand();
}, 60_000);
afterEach(async () => {
  for (const room of rooms.splice(0)) await room.stop();
  await stand.provisioner.request('$JS.API.STREAM.DELETE.WAITING', '', { timeoutMs: 2_000 });
});
afterAll(() => stand.close());

async function open(onMessage: (message: WaitingMessage) => void, options: Partial<WaitingRoomOptions> & WaitingStreamOptions = {}): Promise<WaitingRoom> {
  await ensureWaitingStream(stand.provisioner, options);
  const room = new WaitingRoom({ bus: stand.ledger, onMessage, ...options });
  rooms.push(room);
  room.start();
  return room;
}

describe('the waiting room', () => {
  it('keeps messages until they are settled, each as it came, the same one once', async () => {
    let isOver = false;
    const settled: string[] = [];
    const states: WaitingState[] = [];
    const errors: unknown[] = [];
    let asked = 0;
    const onMessage = ({ subject, data, ack, nak }: WaitingMessage): void => {
      asked += 1;
      if (!isOver) return nak();
      settled.push(`${subject} ${text(data)}`);
      ack();
    };
    const room = await open(onMessage, { onState: (state) => states.push(state), onError: (error) => errors.push(error) });
    const subjects = ['intake.shop.acme', 'intake.shop.globex', 'intake.lost', 'intake.a.b.c'];
    for (let n = 0; n < 200; n++) await room.keep(subjects[n % 4]!, Buffer.from(`n ${n}`), `d${n}`);
    for (let n = 0; n < 8; n++) await room.keep(subjects[n % 4]!, Buffer.from(`n ${n}`), `d${n}`);
    await until(() => states.at(-1)?.messages === 200 && asked > 1);
    expect(states.at(-1)!.bytes).toBeGreaterThan(200 * 3);
    expect(asked).toBeLessThan(200);
    isOver = true;
    await until(() => states.at(-1)?.messages === 0);
    expect(settled.sort()).toEqual(Array.from({ length: 200 }, (_, n) => `${subjects[n % 4]!} n ${n}`).sort());
    // Once it is settled, the same may come and wait again.
    await room.keep('intake.shop.acme', Buffer.from('n 0'), 'd0');
    await until(() => settled.length === 201);
    expect(errors).toEqual([]);
  });

  it('is full at its limit and says so; what it holds stays', async () => {
    const room = await open(({ nak }) => nak(), { maxBytes: 64 * 1024 });
    await room.keep('intake.shop.acme', Buffer.alloc(40_000), 'first');
    await expect(room.keep('intake.shop.acme', Buffer.alloc(40_000), 'second')).rejects.toMatchObject({ code: 'STREAM_FULL' });
    await room.keep('intake.shop.acme', Buffer.alloc(40_000), 'first');
  });

  it('passes by messages that wait for something of their own', async () => {
    const settled: string[] = [];
    const room = await open(({ subject, ack, nak }) => {
      if (subject === 'intake.shop.stuck') return nak(600_000);
      settled.push(subject);
      ack();
    });
    for (let n = 0; n < 300; n++) await room.keep('intake.shop.stuck', Buffer.from('x'), `s${n}`);
    await room.keep('intake.shop.acme', Buffer.from('x'), 'd');
    await until(() => settled.length > 0);
    expect(settled).toEqual(['intake.shop.acme']);
  });

  it('takes up after a restart of its owner and of the server what was kept before', async () => {
    const first = await open(({ nak }) => nak());
    await first.keep('intake.shop.acme', Buffer.from('kept'), 'd');
    await first.stop();
    await stand.nats.stop();
    await stand.restart();
    const got: string[] = [];
    await open(({ data, ack }) => {
      got.push(text(data));
      ack();
    });
    await until(() => got.includes('kept'));
  });

  it('is not open to other accounts', async () => {
    await open(({ nak }) => nak());
    await expect(stand.services.request('waiting.d.shop.acme', 'x', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
