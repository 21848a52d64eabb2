import { inSpanOfMany } from '@countersign/trace-context';
import { SpanKind } from '@opentelemetry/api';
import { BusError, type BusErrorCode } from './bus-error.js';
import type { BusConnection } from './connection.js';
import { messageHeaders } from './traced.js';

/** JetStream's word that it holds the message, in memory at least: not a receipt. */
export interface PubAck {
  readonly stream: string;
  readonly sequence: number;
}

export interface PublishIntakeOptions {
  readonly timeoutMs: number;
  /** Of the events that are sent, as far as their traces are recorded. */
  readonly traceparents?: readonly string[];
}

interface PubAckBody {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

// JetStream error codes (nats-server, server/errors.json).
const JETSTREAM_CODES: ReadonlyMap<number, BusErrorCode> = new Map([
  [10077, 'STORE_FAILED'], // store failed: the description says why
  [10047, 'STREAM_FULL'], // insufficient storage resources
  [10023, 'STREAM_FULL'], // insufficient resources
  [10054, 'PAYLOAD_TOO_LARGE'], // message size exceeds maximum allowed
]);

function refusal(subject: string, { err_code: number, description = 'refused' }: NonNullable<PubAckBody['error']>): BusError {
  const code = JETSTREAM_CODES.get(number ?? 0) ?? 'REFUSED';
  const isFull = code === 'STORE_FAILED' && /^maximum (bytes|messages)/.test(description);
  return new BusError(isFull ? 'STREAM_FULL' : code, `${subject}: ${description}`);
}

const decoder = new TextDecoder();

function parse(subject: string, data: Uint8Array): PubAckBody {
  try {
    return JSON.parse(decoder.decode(data)) as PubAckBody;
  } catch (cause) {
    throw new BusError('REFUSED', `${subject}: the answer is no PubAck`, { cause });
  }
}

/**
 * Sends one message to the intake and waits until JetStream has it. Works from another account through its import.
 * @throws {BusError} NO_RESPONDERS, TIMEOUT, STREAM_FULL, STORE_FAILED, PAYLOAD_TOO_LARGE, DISCONNECTED,
 * FORBIDDEN, REFUSED.
 * After TIMEOUT and DISCONNECTED the message may be there: sending it again is right, the ledger records an id once.
 */
export async function publishIntake(bus: BusConnection, subject: string, data: Uint8Array | string, { timeoutMs, traceparents = [] }: PublishIntakeOptions): Promise<PubAck> {
  // Whose they are, not which organisation's: that stays out of spans.
  const destination = `${subject.slice(0, subject.lastIndexOf('.'))}.*`;
  const span = { kind: SpanKind.PRODUCER, attributes: { 'messaging.system': 'nats', 'messaging.operation.name': 'send', 'messaging.destination.name': destination } };
  return inSpanOfMany(`send ${destination}`, span, traceparents, (sent) => publish(bus, subject, data, { timeoutMs, headers: sent && messageHeaders() }));
}

async function publish(bus: BusConnection, subject: string, data: Uint8Array | string, options: Parameters<BusConnection['request']>[2]): Promise<PubAck> {
  const answer = await bus.request(subject, data, options);
  const body = parse(subject, answer.data);
  if (body.error !== undefined) {
    throw refusal(subject, body.error);
  }
  if (typeof body.stream !== 'string' || typeof body.seq !== 'number') throw new BusError('REFUSED', `${subject}: the answer is no PubAck`);
  return { stream: body.stream, sequence: body.seq };
}
