/**
 * - NKEY_MALFORMED: not an nkey user seed or public key
 * - MESSAGE_MALFORMED: not a signature, a line feed and a body
 * - MESSAGE_SIGNATURE_INVALID: not signed by this key, for this use, or changed since
 * - SEAL_MALFORMED: not a sealed reply
 * - SEAL_NOT_AUTHENTIC: sealed to another key, in answer to another request, or changed since
 */
export type MessageFaultCode = 'NKEY_MALFORMED' | 'MESSAGE_MALFORMED' | 'MESSAGE_SIGNATURE_INVALID' | 'SEAL_MALFORMED' | 'SEAL_NOT_AUTHENTIC';

export class MessageFault extends Error {
  override readonly name = 'MessageFault';
  constructor(
    readonly code: MessageFaultCode,
    message: string,
  ) {
    super(message);
  }
}
