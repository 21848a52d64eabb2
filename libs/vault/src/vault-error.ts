export type VaultErrorCode =
  /** No answer, not in time, sealed, overloaded or failing: later may be better. */
  | 'VAULT_UNAVAILABLE'
  /** It answered and refused: no token, token without the policy, failed login. */
  | 'VAULT_DENIED'
  | 'VAULT_NOT_FOUND'
  /** It understood the request and will not do it: `reasons` say why. */
  | 'VAULT_REFUSED'
  /** The options cannot work: plain HTTP to another machine, an unreadable file. */
  | 'VAULT_MISCONFIGURED';

/** The message holds method, path and Vault's own reasons, never a token or a value. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  constructor(
    readonly code: VaultErrorCode,
    message: string,
    readonly reasons: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
