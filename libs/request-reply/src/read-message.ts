import type { z } from 'zod';

/**
 * - REQUEST_MALFORMED: not what the operation takes; `field` names where
 * - OVERLOADED: too many requests at once; `retryAfterMs`
 */
export type RequestFaultCode = 'REQUEST_MALFORMED' | 'OVERLOADED';

/** What is refused before anybody knows who asks. */
export class RequestFault extends Error {
  override readonly name = 'RequestFault';
  constructor(
    readonly code: RequestFaultCode,
    message: string,
    readonly detail: { readonly field?: string; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
  }
}

/** What a schema makes of a value. Throws RequestFault REQUEST_MALFORMED, which names rules and fields, never values. */
export function readMessage<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue?.path.map(String).join('.');
  throw new RequestFault('REQUEST_MALFORMED', issue?.message ?? 'malformed', field === undefined || field === '' ? {} : { field });
}

/** Throws RequestFault REQUEST_MALFORMED. */
export function readJson(data: Uint8Array, bytesMax: number): unknown {
  if (data.length > bytesMax) throw new RequestFault('REQUEST_MALFORMED', `a request has at most ${bytesMax} bytes`);
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    throw new RequestFault('REQUEST_MALFORMED', 'a request is JSON');
  }
}
