import type { z } from 'zod';

/** Faults of a request as such, before anybody looks at a ledger. */
export const EDGE_FAULT_CODES = [
  'REQUEST_INVALID',
  'ROUTE_UNKNOWN',
  'URL_TOO_LONG',
  'BODY_TOO_LARGE',
  'BODY_MALFORMED',
  'MEDIA_TYPE_UNSUPPORTED',
  'OVERLOADED',
  'TOOK_TOO_LONG',
  'INTERNAL',
] as const;

export type EdgeFaultCode = (typeof EDGE_FAULT_CODES)[number];

export class EdgeFault extends Error {
  override readonly name = 'EdgeFault';
  constructor(
    readonly code: EdgeFaultCode,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

/** The value as its schema reads it. Throws REQUEST_INVALID that names the field and the rule, never the value. */
export function valid<Schema extends z.ZodType>(schema: Schema, value: unknown, name = ''): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!.slice(0, 64);
    throw new EdgeFault('REQUEST_INVALID', `${key} is not a field of this request`, key);
  }
  const field = [name, ...issue.path.map(String)].filter((part) => part !== '').join('.');
  throw new EdgeFault('REQUEST_INVALID', `${field === '' ? 'the request' : field}: ${issue.message}`, field === '' ? undefined : field);
}
