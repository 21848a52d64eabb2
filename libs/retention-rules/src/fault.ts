/** Every fault of this library. A code is stable for ever: callers and tests match on it. */
export type RetentionRulesFaultCode =
  /** Not a query of holds; the message says at which term. */
  | 'QUERY_MALFORMED';

export class RetentionRulesFault extends Error {
  override readonly name = 'RetentionRulesFault';
  constructor(
    readonly code: RetentionRulesFaultCode,
    message: string,
  ) {
    super(message);
  }
}
