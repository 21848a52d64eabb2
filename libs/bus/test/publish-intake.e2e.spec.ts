import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ensureIntakeStream, findIntakeStream, publishIntake, PullLoop } from '@countersign/bus';
import { openStand, until, type BusStand } from './bus-stand.js';

const BODY = new TextEncoder().encode('event');
const LIMIT = { timeoutMs: 1_000 };
let stand: BusStand;

beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());
beforeEach(() => stand.emptyStream());

describe('publishing to the intake from another account', () => {
  it('returns where JetStream put the message', async () => {
    expect(await publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT)).toEqual({ stream: 'INTAKE', sequence: 1 });
    expect(await publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT)).toEqual({ stream: 'INTAKE', sequence: 2 });
  });

  it('keeps many in flight', async () => {
    const acks = await Promise.all(Array.from({ length: 500 }, () => publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT)));
    expect(new Set(acks.map(({ sequence }) => sequence)).size).toBe(500);
  });

  it('TIMEOUT when the stream is not there: an import hides who listens', async () => {
    await stand.provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT);
    await expect(publishIntake(stand.services, 'intake.shop.acme', BODY, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('NO_RESPONDERS when the stream is not there, within the ledger account', async () => {
    await stand.provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT);
    await expect(publishIntake(stand.ledger, 'intake.ledger.acme', BODY, LIMIT)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('STREAM_FULL when the stream holds its bytes, and again a PubAck when there is room', async () => {
    await ensureIntakeStream(stand.provisioner, { maxBytes: 3_000 });
    const body = new Uint8Array(2_000);
    await publishIntake(stand.services, 'intake.shop.acme', body, LIMIT);
    await expect(publishIntake(stand.services, 'intake.shop.acme', body, LIMIT)).rejects.toMatchObject({ code: 'STREAM_FULL' });
    await ensureIntakeStream(stand.provisioner, { maxBytes: 30_000 });
    expect(await publishIntake(stand.services, 'intake.shop.acme', body, LIMIT)).toMatchObject({ stream: 'INTAKE' });
  });

  it('PAYLOAD_TOO_LARGE above what the server takes, without sending it', async () => {
    const body = new Uint8Array(stand.services.maxPayloadBytes + 1);
    await expect(publishIntake(stand.services, 'intake.shop.acme', body, LIMIT)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(stand.services.connected).toBe(true);
  });

  it('FORBIDDEN outside the intake', async () => {
    await expect(publishIntake(stand.services, 'ledger.receipt.shop', BODY, LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(publishIntake(stand.services, 'intake.shop.acme.more', BODY, LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('STORE_FAILED when the files of the stream are gone', async () => {
    const drained: string[] = [];
    const loop = new PullLoop({ bus: stand.ledger, onMessage: (message) => message.ackWithConfirmation(1_000).then(() => void drained.push(message.subject)) });
    await loop.start();
    await publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT);
    await until(() => drained.length === 1);
    await loop.stop();
    await rm(stand.nats.storeDir, { recursive: true });
    await expect(publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('DISCONNECTED at once while the server is away, and for what was waiting when it went', async () => {
    await stand.nats.kill('SIGSTOP');
    const waiting = publishIntake(stand.services, 'intake.shop.acme', BODY, { timeoutMs: 20_000 });
    const outcome = waiting.catch((error: unknown) => error);
    await sleep(100);
    await stand.nats.kill('SIGKILL');
    expect(await outcome).toMatchObject({ code: 'DISCONNECTED' });
    await until(() => !stand.services.connected);
    const before = performance.now();
    await expect(publishIntake(stand.services, 'intake.shop.acme', BODY, { timeoutMs: 20_000 })).rejects.toMatchObject({ code: 'DISCONNECTED' });
    expect(performance.now() - before).toBeLessThan(100);
    await stand.restart();
    expect(await publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT)).toMatchObject({ stream: 'INTAKE' });
  });
});

describe('the intake stream', () => {
  it('is made once and stays the same', async () => {
    const first = await ensureIntakeStream(stand.provisioner);
    const second = await ensureIntakeStream(stand.provisioner);
    expect(second).toEqual({ streamCreated: first.streamCreated, made: false });
  });

  it('may be made by several instances at the same time', async () => {
    await stand.provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT);
    const states = await Promise.all(Array.from({ length: 8 }, () => ensureIntakeStream(stand.provisioner)));
    expect(new Set(states.map(({ streamCreated }) => streamCreated)).size).toBe(1);
  });

  it('keeps its messages when its limits change', async () => {
    await publishIntake(stand.services, 'intake.shop.acme', BODY, LIMIT);
    const { streamCreated } = await ensureIntakeStream(stand.provisioner);
    expect(await ensureIntakeStream(stand.provisioner, { maxBytes: 5_000_000, maxAckPending: 7, ackWaitMs: 5_000 })).toEqual({ streamCreated, made: false });
    const info = await stand.ledger.request('$JS.API.CONSUMER.INFO.INTAKE.ledger', '', LIMIT);
    expect(JSON.parse(new TextDecoder().decode(info.data))).toMatchObject({ num_pending: 1, config: { max_ack_pending: 7, ack_wait: 5e9, ack_policy: 'explicit' } });
  });

  it('can be made by no service, the ledger included', async () => {
    await expect(ensureIntakeStream(stand.services)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await stand.provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT);
    await expect(ensureIntakeStream(stand.ledger)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(findIntakeStream(stand.ledger)).rejects.toMatchObject({ code: 'NOT_PROVISIONED' });
  });
});
