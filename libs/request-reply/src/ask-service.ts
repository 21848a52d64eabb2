import { ask, type BusConnection } from '@countersign/bus';
import { z } from 'zod';

export interface Question<R extends z.ZodType, E extends z.ZodType> {
  readonly subject: string;
  readonly request: unknown;
  readonly timeoutMs: number;
  readonly result: R;
  readonly error: E;
}

/**
 * - `no-answer`: nobody answered in time; whether it was done is then unknown
 * - `not-theirs`: the answer is not one of the service's
 */
export type Answered<R, E> = { readonly what: 'result'; readonly result: R } | { readonly what: 'error'; readonly error: E } | { readonly what: 'no-answer'; readonly cause: unknown } | { readonly what: 'not-theirs' };

/** Asks a service, and believes nothing that is not of the given form. */
export async function askService<R extends z.ZodType, E extends z.ZodType>(bus: Pick<BusConnection, 'request'>, { subject, request, timeoutMs, result, error }: Question<R, E>): Promise<Answered<z.output<R>, z.output<E>>> {
  let data: Uint8Array;
  try {
    // `<service>.<operation>.<asker>`
    ({ data } = await ask(bus, subject.split('.', 2).join('.'), subject, JSON.stringify(request), timeoutMs));
  } catch (cause) {
    return { what: 'no-answer', cause };
  }
  const reply = z.union([z.strictObject({ result }), z.strictObject({ error })]).safeParse(parsed(data));
  if (!reply.success) return { what: 'not-theirs' };
  const answer = reply.data as { readonly result: z.output<R> } | { readonly error: z.output<E> };
  return 'result' in answer ? { what: 'result', result: answer.result } : { what: 'error', error: answer.error };
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}
