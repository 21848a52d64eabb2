import { hash, sign, verify, type KeyObject } from 'node:crypto';
import { MessageFault } from './message-fault.js';

/** Requests and replies of the key service as they travel: Ed25519 (RFC 8032) signature in base64url, line feed, body. */

const SIGNATURE_CHARS = 86;
const LINE_FEED = 0x0a;
// A key of NATS also signs the server's challenge: what is signed here must never pass for that, nor the other way.
const REQUEST_DOMAIN = Buffer.from('countersign.keys.request.v1\n');
const REPLY_DOMAIN = Buffer.from('countersign.keys.reply.v1\n');

export interface SignedMessage {
  readonly signature: Buffer;
  readonly body: Buffer;
}

/** Takes a message apart. Nothing is verified yet. Throws MESSAGE_MALFORMED. */
export function splitMessage(message: Uint8Array): SignedMessage {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const text = bytes.toString('latin1', 0, SIGNATURE_CHARS);
  const signature = Buffer.from(text, 'base64url');
  // One signature has one spelling: a decoder that is lax about characters would give it many.
  if (bytes[SIGNATURE_CHARS] !== LINE_FEED || signature.toString('base64url') !== text) {
    throw new MessageFault('MESSAGE_MALFORMED', 'a message begins with a signature in base64url and a line feed');
  }
  return { signature, body: bytes.subarray(SIGNATURE_CHARS + 1) };
}

/** The message of a request whose body is `body`, by the service's key. */
export function signRequest(body: Uint8Array, privateKey: KeyObject): Buffer {
  return join(sign(null, Buffer.concat([REQUEST_DOMAIN, body]), privateKey), body);
}

/** Throws MESSAGE_SIGNATURE_INVALID. */
export function verifyRequest({ signature, body }: SignedMessage, publicKey: KeyObject): void {
  if (!verify(null, Buffer.concat([REQUEST_DOMAIN, body]), publicKey, signature)) throw invalid();
}

/** The message of a reply to the request `request` (whole message), by the key service's key. */
export function signReply(body: Uint8Array, request: Uint8Array, privateKey: KeyObject): Buffer {
  return join(sign(null, replyInput(body, request), privateKey), body);
}

/**
 * Body of a reply to this very request. Throws MESSAGE_MALFORMED, MESSAGE_SIGNATURE_INVALID. Without the signature
 * whoever carries messages could hand out keys that he knows.
 */
export function openReply(message: Uint8Array, request: Uint8Array, publicKey: KeyObject): Buffer {
  const { signature, body } = splitMessage(message);
  if (!verify(null, replyInput(body, request), publicKey, signature)) throw invalid();
  return body;
}

function replyInput(body: Uint8Array, request: Uint8Array): Buffer {
  return Buffer.concat([REPLY_DOMAIN, hash('sha256', request, 'buffer'), body]);
}

const join = (signature: Buffer, body: Uint8Array): Buffer => Buffer.concat([Buffer.from(`${signature.toString('base64url')}\n`), body]);
const invalid = (): MessageFault => new MessageFault('MESSAGE_SIGNATURE_INVALID', 'the signature is not by this key over this message');
