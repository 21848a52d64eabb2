import { activeContext, contextFrom, inSpan, traceHeaders } from '@countersign/trace-context';
import { headers as natsHeaders, type MsgHdrs } from '@nats-io/transport-node';
import { SpanKind, type Attributes } from '@opentelemetry/api';
import type { BusConnection, BusMessage } from './connection.js';

/** What a message carries of the trace that it belongs to. */
export function messageHeaders(): MsgHdrs | undefined {
  const given = Object.entries(traceHeaders());
  if (given.length === 0) return undefined;
  const carried = natsHeaders();
  for (const [name, value] of given) carried.set(name, value);
  return carried;
}

const attributes = (operation: string): Attributes => ({ 'rpc.system': 'nats', 'rpc.method': operation });

/**
 * Asks another service, within the trace of the request that is being answered. Rejects as `bus.request` does.
 * @param operation `<service>.<operation>`, without names of anybody
 */
export function ask(bus: Pick<BusConnection, 'request'>, operation: string, subject: string, data: Uint8Array | string, timeoutMs: number): Promise<BusMessage> {
  return inSpan(`ask ${operation}`, { kind: SpanKind.CLIENT, attributes: attributes(operation) }, activeContext(), () => bus.request(subject, data, { timeoutMs, headers: messageHeaders() }));
}

/**
 * Answers a message, within the trace of whoever asks.
 * @param work resolves with the code of the refusal that it has answered with, if it was one
 */
export function answer({ headers }: Pick<BusMessage, 'headers'>, operation: string, work: () => Promise<string | undefined>): Promise<void> {
  const parent = headers === undefined ? undefined : contextFrom((name) => headers.get(name));
  return inSpan(`answer ${operation}`, { kind: SpanKind.SERVER, attributes: attributes(operation) }, parent, async (span) => {
    const refused = await work();
    if (refused !== undefined) span?.setAttribute('error.type', refused);
  });
}
