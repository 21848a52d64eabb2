/** What the edge refuses by itself, before it asks anybody. */
export const EDGE_FAULT_CODES = [
  /** Path, query or body is not as the route's schema has it; `field` names where. */
  'REQUEST_INVALID',
  'ROUTE_UNKNOWN',
  /** There is such a path, for other methods. */
  'METHOD_NOT_ALLOWED',
  'URL_TOO_LONG',
  'HEADERS_TOO_LARGE',
  /** What came is no request at all. */
  'HTTP_MALFORMED',
  /** Its headers, or its body, took too long to come. */
  'REQUEST_TIMED_OUT',
  'BODY_TOO_LARGE',
  'BODY_MALFORMED',
  'BODY_TOO_DEEP',
  'MEDIA_TYPE_UNSUPPORTED',
  /** Sent by a page of another site (Fetch Metadata, or Origin). */
  'ORIGIN_FORBIDDEN',
  /** A mutation by cookie without the token that belongs to this session. */
  'CSRF_TOKEN_INVALID',
  /** No API key has this form, or its checksum is another. */
  'API_KEY_MALFORMED',
  'RATE_LIMITED',
  'IDEMPOTENCY_KEY_MALFORMED',
  /** The same key with another body, or on another route. */
  'IDEMPOTENCY_KEY_REUSED',
  /** The first request of this key is still under way. */
  'IDEMPOTENCY_IN_PROGRESS',
  /** It was carried out, and its answer held a secret that is shown once. */
  'IDEMPOTENCY_ANSWER_NOT_KEPT',
  /** The store of keys does not answer: without it nobody knows whether this was done before. */
  'IDEMPOTENCY_UNAVAILABLE',
  'EVENTS_TOO_MANY',
  /** So many events already wait for their receipts here. */
  'INTAKE_OVERLOADED',
  /** No receipt came in time: whether they are recorded is not known. The same request tells. */
  'RECEIPT_OUTSTANDING',
  'LEDGER_UNAVAILABLE',
  'TOOK_TOO_LONG',
  'INTERNAL',
] as const;
export type EdgeFaultCode = (typeof EDGE_FAULT_CODES)[number];

export class EdgeFault extends Error {
  override readonly name = 'EdgeFault';
  constructor(
    readonly code: EdgeFaultCode,
    message: string,
    readonly detail: { readonly field?: string; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
  }
}
