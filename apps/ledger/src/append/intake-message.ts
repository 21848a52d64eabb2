import { isUtf8 } from 'node:buffer';
import {
  admitEvent,
  clearPartsOf,
  ChainFault,
  MESSAGE_BYTES_MAX,
  MESSAGE_EVENTS_MAX,
  SOURCE_PATTERN,
  TENANT_PATTERN,
  type Address,
  type AdmittedEvent,
  type ClearParts,
} from '@countersign/chain';
import { eventFromCloudEvent, isCloudEvent } from '@countersign/contracts';
import { digestsOnDemand, type ContentDigester, type SentDigests } from './content-digest.js';

/** What one element of a message came to: an event with its digests, or a refusal. */
export type Admission =
  | { readonly admitted: AdmittedEvent; readonly digests: SentDigests }
  | { readonly refused: ChainFault; readonly eventId: string | undefined; readonly body: Uint8Array };

/** Reads `intake.<source>.<tenant>`. Throws SUBJECT_INVALID. */
export function parseIntakeSubject(subject: string): Address {
  const [root, source, tenant, ...rest] = subject.split('.');
  if (root !== 'intake' || rest.length > 0 || !SOURCE_PATTERN.test(source ?? '') || !TENANT_PATTERN.test(tenant ?? '')) {
    throw new ChainFault('SUBJECT_INVALID', 'the subject must be intake.<source>.<tenant>', { field: 'subject' });
  }
  return { source: source!, tenant: tenant! };
}

/**
 * Admits a message's events one by one, as they are asked for: one bad event refuses itself alone. A message that cannot
 * be read at all is one refusal. Never throws for bad input.
 */
export function* admitMessage(address: Address, body: Uint8Array, digester: ContentDigester): Generator<Admission, void> {
  let values: readonly unknown[];
  try {
    values = parseBody(body);
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    yield { refused: fault, eventId: undefined, body };
    return;
  }
  for (const value of values) yield admitValue(value, address, digester);
}

/**
 * The personal parts of each event of a message, one element for each that {@link admitMessage} yields of it; none of a message that
 * cannot be read. What an event has that is going to be refused does not count. Never throws for bad input.
 */
export function* readPersonal(address: Address, body: Uint8Array): Generator<ClearParts | undefined, void> {
  let values: readonly unknown[];
  try {
    values = parseBody(body);
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return;
  }
  for (const value of values) yield personalOf(value, address);
}

function personalOf(value: unknown, address: Address): ClearParts | undefined {
  try {
    return clearPartsOf(eventOf(value, address));
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return undefined;
  }
}

function eventOf(value: unknown, address: Address): unknown {
  return isCloudEvent(value) ? eventFromCloudEvent(value, address) : value;
}

function parseBody(body: Uint8Array): readonly unknown[] {
  if (body.length > MESSAGE_BYTES_MAX) {
    throw new ChainFault('MESSAGE_TOO_LARGE', `a message is at most ${MESSAGE_BYTES_MAX} bytes`);
  }
  // Decoding would quietly replace bad bytes, and an event changed unseen is not the event that was sent.
  if (!isUtf8(body)) throw new ChainFault('MESSAGE_NOT_JSON', 'a message must be UTF-8 JSON');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    throw new ChainFault('MESSAGE_NOT_JSON', 'a message must be UTF-8 JSON');
  }
  if (!Array.isArray(value)) return [value];
  if (value.length === 0 || value.length > MESSAGE_EVENTS_MAX) {
    throw new ChainFault('MESSAGE_EVENT_COUNT', `a message carries 1 to ${MESSAGE_EVENTS_MAX} events`);
  }
  return value as readonly unknown[];
}

function admitValue(value: unknown, address: Address, digester: ContentDigester): Admission {
  try {
    const admitted = admitEvent(eventOf(value, address), address);
    return { admitted, digests: digestsOnDemand(digester, admitted) };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return { refused: fault, eventId: idOf(value), body: Buffer.from(JSON.stringify(value)) };
  }
}

/** The id that a refused event claims, if it is one that its producer could look for. */
function idOf(value: unknown): string | undefined {
  const id = (value as { id?: unknown } | null)?.id;
  return typeof id === 'string' && id.length <= 256 ? id : undefined;
}
