import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ensureIntakeStream, provisionStreams, publishIntake, PullLoop, StreamKeeper, type IntakeMessage, type PullLoopEvent, type PullLoopOptions } from '@countersign/bus';
import { collector, openStand, text, until, type BusStand } from './bus-stand.js';

let stand: BusStand;
let loops: PullLoop[] = [];
let keeper: StreamKeeper | undefined;
let events: PullLoopEvent[] = [];

beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());
beforeEach(async () => {
  events = [];
  await stand.emptyStream();
});
afterEach(async () => {
  for (const loop of loops) await loop.stop(500);
  loops = [];
  await keeper?.stop();
  keeper = undefined;
});

async function pull(onMessage: (message: IntakeMessage) => void | Promise<void>, options: Partial<PullLoopOptions> = {}): Promise<PullLoop> {
  const loop = new PullLoop({ bus: stand.ledger, onMessage, onEvent: (event) => events.push(event), ...options });
  loops.push(loop);
  await loop.start();
  return loop;
}

function keepStreams(): void {
  keeper = new StreamKeeper({ bus: stand.provisioner, lookEveryMs: 200 });
  keeper.start();
}
const pullsAgain = (): Promise<unknown> => until(() => events.filter(({ type }) => type === 'pulling').length > 1);

async function stored(): Promise<number> {
  const answer = await stand.ledger.request('$JS.API.STREAM.INFO.INTAKE', '', { timeoutMs: 2_000 });
  return (JSON.parse(text(answer.data)) as { state: { messages: number } }).state.messages;
}

describe('settling', () => {
  it('hands over in order and an ack deletes', async () => {
    const { texts, take } = collector();
    await pull(take);
    await stand.send('a', 'b', 'c');
    await until(() => texts.length === 3);
    expect(texts).toEqual(['a', 'b', 'c']);
    await until(async () => (await stored()) === 0);
  });

  it('says where a message came from, and that it came before', async () => {
    const seen: { subject: string; redelivered: boolean; deliveryCount: number; streamSequence: number }[] = [];
    await pull((message) => {
      const { subject, redelivered, deliveryCount, streamSequence } = message;
      seen.push({ subject, redelivered, deliveryCount, streamSequence });
      if (redelivered) message.ack();
      else message.nak(0);
    });
    await stand.send('a');
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      { subject: 'intake.shop.acme', redelivered: false, deliveryCount: 1, streamSequence: 1 },
      { subject: 'intake.shop.acme', redelivered: true, deliveryCount: 2, streamSequence: 1 },
    ]);
  });

  it('delivers again after the delay of a nak, not before', async () => {
    const times: number[] = [];
    await pull((message) => {
      times.push(performance.now());
      if (times.length === 1) message.nak(400);
      else message.ack();
    });
    await stand.send('a');
    await until(() => times.length === 2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(390);
  });

  it('never delivers a terminated message again', async () => {
    const deliveries: string[] = [];
    await pull((message) => {
      deliveries.push(text(message.data));
      message.term();
    });
    await stand.send('poison');
    await until(async () => (await stored()) === 0);
    expect(deliveries).toEqual(['poison']);
  });

  it('confirms an ack', async () => {
    const confirmed: boolean[] = [];
    await pull(async (message) => {
      confirmed.push(await message.ackWithConfirmation(2_000));
    });
    await stand.send('a');
    await until(() => confirmed.length === 1);
    expect(confirmed).toEqual([true]);
    expect(await stored()).toBe(0);
  });

  it('settles a message once: what is said later changes nothing', async () => {
    const loop = await pull((message) => {
      message.ack();
      message.nak(0);
      message.term();
    });
    await stand.send('a');
    await until(async () => (await stored()) === 0);
    expect(loop.inFlight).toEqual({ messages: 0, bytes: 0 });
  });

  it('delivers again after the ack wait, unless told that work goes on', async () => {
    const deliveries: IntakeMessage[] = [];
    await ensureIntakeStream(stand.provisioner, { ackWaitMs: 600 });
    await pull((message) => void deliveries.push(message));
    await stand.send('a');
    await until(() => deliveries.length === 1);
    for (let turn = 0; turn < 5; turn += 1) {
      await sleep(250);
      deliveries[0]?.working();
    }
    expect(deliveries).toHaveLength(1);
    await until(() => deliveries.length === 2);
    for (const delivery of deliveries) delivery.ack();
  });

  it('gives a message back when its handler rejects or throws', async () => {
    const counts: number[] = [];
    await pull((message) => {
      counts.push(message.deliveryCount);
      if (message.deliveryCount === 1) throw new Error('thrown');
      if (message.deliveryCount === 2) return Promise.reject(new Error('rejected'));
      message.ack();
      return undefined;
    });
    await stand.send('a');
    await until(() => counts.length === 3);
    expect(events.filter(({ type }) => type === 'handler-failed')).toHaveLength(2);
  });
});

describe('limits', () => {
  it('has no more messages in flight than allowed, and goes on when they are settled', async () => {
    const held: IntakeMessage[] = [];
    const loop = await pull((message) => void held.push(message), { maxInFlightMessages: 4 });
    await stand.send(...Array.from({ length: 12 }, (_, i) => String(i)));
    await sleep(300);
    expect(held).toHaveLength(4);
    expect(loop.inFlight.messages).toBe(4);
    const all: string[] = [];
    while (all.length < 12) {
      for (const message of held.splice(0)) {
        all.push(text(message.data));
        message.ack();
      }
      await sleep(5);
    }
    expect(all).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
  });

  it('has no more bytes in flight than allowed', async () => {
    const held: IntakeMessage[] = [];
    const loop = await pull((message) => void held.push(message), { maxInFlightBytes: 2 * 1024 * 1024 });
    for (let i = 0; i < 10; i += 1) await publishIntake(stand.services, 'intake.shop.acme', new Uint8Array(500_000), { timeoutMs: 2_000 });
    await sleep(300);
    expect(loop.inFlight.bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(held.length).toBeGreaterThanOrEqual(2);
    let done = 0;
    while (done < 10) {
      for (const message of held.splice(0)) {
        message.ack();
        done += 1;
      }
      await sleep(5);
    }
    await until(async () => (await stored()) === 0);
  });

  it('gets a message of the largest size while others are in flight', async () => {
    const sizes: number[] = [];
    await pull((message) => {
      sizes.push(message.data.length);
      message.ack();
    });
    // The server counts subject and headers against the stream's limit of 1 MiB too.
    await publishIntake(stand.services, 'intake.shop.acme', new Uint8Array(1024 * 1024 - 256), { timeoutMs: 2_000 });
    await until(() => sizes.length === 1);
    expect(sizes).toEqual([1024 * 1024 - 256]);
  });

  it('hands a message to an idle loop within a few milliseconds', async () => {
    const delays: number[] = [];
    await pull((message) => {
      delays.push(performance.now() - Number(text(message.data)));
      message.ack();
    });
    for (let i = 0; i < 50; i += 1) {
      await stand.send(String(performance.now()));
      await sleep(4);
    }
    await until(() => delays.length === 50);
    expect(delays.sort((a, b) => a - b)[25]).toBeLessThan(5);
  });
});

describe('stopping', () => {
  it('waits for what is in flight', async () => {
    let finished = false;
    const loop = await pull(async (message) => {
      await sleep(200);
      message.ack();
      finished = true;
    });
    await stand.send('a');
    await until(() => loop.inFlight.messages === 1);
    expect(await loop.stop()).toEqual({ messages: 0, bytes: 0 });
    expect(finished).toBe(true);
    await until(async () => (await stored()) === 0);
  });

  it('says what was left when the time is over', async () => {
    const loop = await pull(() => undefined);
    await stand.send('abc');
    await until(() => loop.inFlight.messages === 1);
    expect(await loop.stop(100)).toEqual({ messages: 1, bytes: 3 });
  });

  it('leaves what comes later to another instance, at once', async () => {
    const first = await pull((message) => message.ack());
    const { texts, take } = collector();
    await first.stop();
    await stand.send('a', 'b');
    await pull(take);
    await until(() => texts.length === 2);
    expect(texts).toEqual(['a', 'b']);
  });
});

describe('faults', () => {
  it('goes on after kill -9 of the server: settled is settled, the rest comes again', async () => {
    const acked: string[] = [];
    let isHolding = true;
    const streams = { intake: { ackWaitMs: 1_000 } };
    await provisionStreams(stand.provisioner, streams);
    await pull((message) => {
      const value = text(message.data);
      if (isHolding && value !== 'done') return;
      acked.push(value);
      message.ack();
    });
    await stand.send('done', 'open');
    await until(async () => (await stored()) === 1);
    await stand.nats.kill('SIGKILL');
    await until(() => !stand.ledger.connected);
    isHolding = false;
    await stand.restart(streams);
    // The server writes acks to disk a moment later than it obeys them: what was settled just before the kill may come once more.
    await until(() => acked.includes('open'), () => stand.known({ acked, events }));
    await stand.send('new');
    await until(() => acked.includes('new'), () => stand.known({ acked, events }));
    expect([...new Set(acked)]).toEqual(['done', 'open', 'new']);
  });

  it('goes on when the whole store was lost and the streams were made again', async () => {
    const { texts, take } = collector();
    await pull(take);
    await stand.nats.kill('SIGKILL');
    await rm(stand.nats.storeDir, { recursive: true });
    await stand.restart();
    await pullsAgain();
    await stand.send('after');
    await until(() => texts.length === 1);
    expect(texts).toEqual(['after']);
  });

  it('never lets an ack of a lost stream reach the new one, where its sequence is another message', async () => {
    const held: IntakeMessage[] = [];
    await pull((message) => void held.push(message));
    await stand.send('old');
    await until(() => held.length === 1);
    await stand.nats.kill('SIGKILL');
    await rm(stand.nats.storeDir, { recursive: true });
    await stand.restart();
    await pullsAgain();
    await stand.send('new');
    await until(() => held.length === 2);
    expect(held.map(({ streamSequence }) => streamSequence)).toEqual([1, 1]);
    held[0]?.ack();
    await stand.ledger.flush();
    expect(await stored()).toBe(1);
    held[1]?.ack();
    await until(async () => (await stored()) === 0);
  });

  it('sends an ack given while disconnected when the same stream is back', async () => {
    const held: IntakeMessage[] = [];
    const loop = await pull((message) => void held.push(message));
    await stand.send('a');
    await until(() => held.length === 1);
    await stand.nats.kill('SIGKILL');
    await until(() => !stand.ledger.connected);
    held[0]?.ack();
    expect(loop.inFlight.messages).toBe(0);
    await stand.restart();
    await until(async () => (await stored()) === 0);
    expect(held).toHaveLength(1);
  });

  it('goes on when its files were deleted under the running server, which the keeper of the streams finds out', async () => {
    const { texts, take } = collector();
    keepStreams();
    await pull(take);
    await stand.send('before');
    await until(() => texts.length === 1);
    await rm(stand.nats.storeDir, { recursive: true });
    await pullsAgain();
    await stand.send('after');
    await until(() => texts.length === 2);
    expect(texts).toEqual(['before', 'after']);
  });

  it.each(['STREAM.DELETE.INTAKE', 'CONSUMER.DELETE.INTAKE.ledger'])('goes on after %s', async (operation) => {
    const { texts, take } = collector();
    await pull(take);
    await stand.send('before');
    await until(() => texts.length === 1);
    keepStreams();
    await stand.provisioner.request(`$JS.API.${operation}`, '', { timeoutMs: 2_000 });
    await pullsAgain();
    await stand.send('after');
    await until(() => texts.includes('after'));
    // The server may drop a consumer before it has handled the last ack: then the message comes once more, never less.
    expect([...new Set(texts)]).toEqual(['before', 'after']);
  });

  it('goes on after the server was frozen', async () => {
    const { texts, take } = collector();
    await pull(take);
    await stand.nats.kill('SIGSTOP');
    await sleep(1_000);
    await stand.nats.kill('SIGCONT');
    await stand.send('a');
    await until(() => texts.length === 1);
    expect(texts).toEqual(['a']);
  });
});
