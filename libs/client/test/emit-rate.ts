import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEmitter, type EmitInput, type Emitter, type EmitterTransport } from '@countersign/client';

/**
 * Measures the emitter alone, by hand: `npm run bench:emit --workspace @countersign/client`.
 * The bus is a function that answers each message with its receipts after 20 ms; its own cost is subtracted.
 */
const EVENTS = 300_000;
const OUTSTANDING = 2_000;
const PUBACK_MS = 1;
const RECEIPT_MS = 20;
const ID_CHARS = 36;
const RECEIPT_TAIL = `","tenant":"acme","index":1,"eventHash":"${'0'.repeat(64)}","recordedAt":"2026-01-01T00:00:00.000Z"}`;

class InstantLedger implements EmitterTransport {
  readonly connected = true;
  /** CPU that the measure itself takes. */
  ownMs = 0;
  #deliver: (body: Uint8Array) => void = () => undefined;

  onStatus(): () => void {
    return () => undefined;
  }

  subscribe(subject: string, deliver: (body: Uint8Array) => void): () => void {
    if (subject.startsWith('ledger.receipt.')) this.#deliver = deliver;
    return () => undefined;
  }

  publish(_subject: string, body: Uint8Array): Promise<void> {
    const startMs = performance.now();
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
    const receipts: string[] = [];
    for (let at = text.indexOf(',"id":"0'); at >= 0; at = text.indexOf(',"id":"0', at + ID_CHARS)) {
      receipts.push(`{"id":"${text.slice(at + 7, at + 7 + ID_CHARS)}${RECEIPT_TAIL}`);
    }
    const answer = Buffer.from(`{"recorded":[${receipts.join(',')}],"repeated":[]}`);
    setTimeout(() => this.#deliver(answer), RECEIPT_MS);
    this.ownMs += performance.now() - startMs;
    return new Promise((resolve) => setTimeout(resolve, PUBACK_MS));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function eventNumber(n: number): EmitInput {
  return {
    tenant: 'acme',
    type: 'identity.session.created',
    actor: { type: 'user', id: 'usr_01HZX4' },
    resource: { type: 'session', id: 'ses_928374' },
    correlationId: `req-1234-${n}`,
    data: { method: 'password', mfa: true, attempt: n },
    personal: [{ subject: 'usr_01HZX4', data: { ip: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' } }],
  };
}

/** Keeps so many emits outstanding until all are durable. */
function emitAll(emitter: Emitter): Promise<void> {
  return new Promise((resolve, reject) => {
    let emitted = 0;
    let durable = 0;
    const more = (): void => {
      while (emitted < EVENTS && emitted - durable < OUTSTANDING) {
        emitter.emit(eventNumber(emitted++)).then(() => {
          durable++;
          if (durable === EVENTS) resolve();
          else if (emitted - durable < OUTSTANDING / 2) more();
        }, reject);
      }
    };
    more();
  });
}

const folder = await mkdtemp(path.join(tmpdir(), 'countersign-emit-rate-'));
const spoolDir = path.join(folder, 'spool');
const ledger = new InstantLedger();
const emitter = await openEmitter({ source: 'identity', spoolDir, transport: ledger });
for (const round of ['warm-up', 'first', 'second', 'third']) {
  ledger.ownMs = 0;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await emitAll(emitter);
  const seconds = (performance.now() - startMs) / 1_000;
  await emitter.flush();
  const cpu = process.cpuUsage(cpuBefore);
  const cpuMicros = (cpu.user + cpu.system - ledger.ownMs * 1_000) / EVENTS;
  console.log(`${round}: ${Math.round(EVENTS / seconds)} events/s synced, ${cpuMicros.toFixed(1)} µs CPU an event`);
}
await emitter.close();
await rm(folder, { recursive: true, force: true });
