import { isKeysOperation, KEYS_OPERATIONS, KEYS_REQUEST_AGE_MS_MAX, KEYS_REQUEST_BYTES_MAX, keysRequestSchema, type KeysOperation, type KeysRequest } from '@countersign/contracts';
import { MessageFault, splitMessage, verifyRequest, type SignedMessage } from '@countersign/envelope';
import { KeysFault } from '../domain/keys-fault.js';
import type { KnownService, KnownServices } from './known-services.js';

export interface OpenedRequest extends KeysRequest {
  readonly operation: KeysOperation;
  /** As the operation's schema reads them. */
  readonly args: object;
}

/**
 * The request that a message holds: its service known, its signature valid, its time near, its arguments in order.
 * Pure. `subject` is where it arrived.
 * Throws REQUEST_MALFORMED, SERVICE_UNKNOWN, REQUEST_SIGNATURE_INVALID, REQUEST_STALE.
 */
export function openRequest(message: Uint8Array, subject: string, services: KnownServices, nowMs: number): OpenedRequest {
  if (message.length > KEYS_REQUEST_BYTES_MAX) throw malformed('it is too large');
  const signed = split(message);
  const [, operation, service] = subject.split('.');
  const known = services.get(service ?? '');
  if (known === undefined) throw new KeysFault('SERVICE_UNKNOWN', 'no key of this service is known', { field: 'service' });
  // Before anything of the body is read: what nobody signed is not worth parsing.
  if (!known.publicKeys.some((publicKey) => isSignedBy(signed, publicKey))) throw new KeysFault('REQUEST_SIGNATURE_INVALID', 'the request is not signed by this service');
  const request = parse(signed.body);
  // The subject is what the bus has checked, the body what the service has signed.
  if (request.service !== service || request.operation !== operation) throw malformed('subject and body differ', 'operation');
  if (Math.abs(nowMs - Date.parse(request.issuedAt)) > KEYS_REQUEST_AGE_MS_MAX) throw new KeysFault('REQUEST_STALE', 'the request is too old, or a clock is wrong', { field: 'issuedAt' });
  if (!isKeysOperation(request.operation)) throw malformed('there is no such operation', 'operation');
  const args = KEYS_OPERATIONS[request.operation].args.safeParse(request.args);
  if (!args.success) throw malformed('an argument is not valid', `args.${args.error.issues[0]!.path.map(String).join('.')}`);
  return { ...request, operation: request.operation, args: args.data };
}

function isSignedBy(signed: SignedMessage, publicKey: KnownService['publicKeys'][number]): boolean {
  try {
    verifyRequest(signed, publicKey);
    return true;
  } catch (error) {
    if (error instanceof MessageFault) return false;
    throw error;
  }
}

function split(message: Uint8Array): SignedMessage {
  try {
    return splitMessage(message);
  } catch (error) {
    if (error instanceof MessageFault) throw malformed('it is not a signature and a body');
    throw error;
  }
}

function parse(body: Buffer): KeysRequest {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw malformed('the body is not JSON');
  }
  const request = keysRequestSchema.safeParse(value);
  if (!request.success) throw malformed('a field is not valid', request.error.issues[0]!.path.map(String).join('.'));
  return request.data;
}

/** Never the value: it may be a subject. */
function malformed(why: string, field?: string): KeysFault {
  return new KeysFault('REQUEST_MALFORMED', `the request is not valid: ${why}`, field === undefined ? {} : { field });
}
