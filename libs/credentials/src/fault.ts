/** Every fault of this library. A code is stable for ever: callers, alerts and tests match on it. */
export const CREDENTIAL_FAULT_CODES = [
  // a password that somebody chooses
  'PASSWORD_TOO_SHORT',
  'PASSWORD_TOO_LONG',
  /** Half of a surrogate pair: it would be hashed as another text. */
  'PASSWORD_NOT_TEXT',
  /** It is what anybody would try first: the name, the e-mail address, the name of the service. */
  'PASSWORD_GUESSABLE',
  // a stored password
  'PASSWORD_HASH_MALFORMED',
  /** Fewer iterations than anything of ours was ever hashed with: planted, or imported without being made better. */
  'PASSWORD_HASH_WEAK',
  'PEPPER_UNKNOWN',
  // the hasher
  /** As much waits as may wait; `retryAfterMs` says when to come again. */
  'HASHER_OVERLOADED',
  // tokens
  'API_KEY_MALFORMED',
  'API_KEY_MAC_KEY_UNKNOWN',
  'SESSION_TOKEN_MALFORMED',
  'BACKUP_CODE_MALFORMED',
  'TOTP_SECRET_MALFORMED',
  // the offline corpus of leaked passwords
  'CORPUS_MALFORMED',
] as const;

export type CredentialFaultCode = (typeof CREDENTIAL_FAULT_CODES)[number];

/** A refusal. `code` is for machines, `message` for people; neither holds anything of a credential. */
export class CredentialFault extends Error {
  override readonly name = 'CredentialFault';
  constructor(
    readonly code: CredentialFaultCode,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}
