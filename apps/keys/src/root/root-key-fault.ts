export type RootKeyFaultCode =
  /** The provider does not answer, is overloaded or failed: trying again later may help. */
  | 'ROOT_KEY_UNAVAILABLE'
  /** The provider answered and refused: credentials, policy, or a disabled key. */
  | 'ROOT_KEY_DENIED'
  /** The text does not unwrap: altered, of another context, or of another root key. */
  | 'ROOT_KEY_NOT_AUTHENTIC'
  /** No such root key, or a version that was retired. */
  | 'ROOT_KEY_UNKNOWN'
  /** A context, key or text that no provider could take. */
  | 'ROOT_KEY_INPUT_MALFORMED'
  /** There is no root key file, and making one is not allowed because keys under the old one exist. */
  | 'ROOT_KEY_MISSING'
  /** A version that still has keys under it, or is the current one, cannot be retired. */
  | 'ROOT_KEY_IN_USE';

/** The message names providers, keys and files, never bytes of keys. */
export class RootKeyFault extends Error {
  override readonly name = 'RootKeyFault';
  constructor(
    readonly code: RootKeyFaultCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
