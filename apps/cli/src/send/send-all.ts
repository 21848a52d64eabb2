import { EmitError, RefusedError } from '@countersign/client';
import type { EmitInput, Emitter } from '@countersign/client';

/** Events on their way at once: bounds memory, and is enough to keep a ledger busy. */
const IN_FLIGHT_MAX = 4_000;
const REFUSALS_KEPT_MAX = 100;

export interface Refused {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

export interface SendCounts {
  recorded: number;
  repeated: number;
  refused: number;
  /** The first of the refused. */
  readonly refusals: Refused[];
}

export interface SendOptions {
  readonly emitter: Emitter;
  readonly timeoutMs: number;
  readonly onProgress?: (done: number) => void;
}

/** Sends events and waits for every receipt. Throws EmitError when one does not come in time, or the spool fails. */
export async function sendAll(inputs: AsyncIterable<EmitInput & { readonly id: string }>, options: SendOptions): Promise<SendCounts> {
  const counts: SendCounts = { recorded: 0, repeated: 0, refused: 0, refusals: [] };
  const inFlight = new Set<Promise<void>>();
  const ids = new Set<string>();
  let failure: Error | undefined;
  for await (const input of inputs) {
    // Two copies in one message share one receipt, which says "recorded".
    const isCopy = ids.has(input.id);
    ids.add(input.id);
    const sent: Promise<void> = sendOne(input, isCopy, options, counts)
      .catch((error: Error) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
    if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
    if (failure !== undefined) throw failure;
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
  return counts;
}

async function sendOne(input: EmitInput & { readonly id: string }, isCopy: boolean, options: SendOptions, counts: SendCounts): Promise<void> {
  try {
    const { repeated } = await options.emitter.emitAndWait(input, { timeoutMs: options.timeoutMs });
    if (repeated || isCopy) counts.repeated += 1;
    else counts.recorded += 1;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    counts.refused += 1;
    if (counts.refusals.length < REFUSALS_KEPT_MAX) counts.refusals.push({ id: input.id, code: error.code, message: error.message });
  }
  options.onProgress?.(counts.recorded + counts.repeated + counts.refused);
}

/** Refused by the ledger, or by the same rules before it was sent. */
export function isRefusal(error: unknown): error is RefusedError | EmitError {
  return error instanceof RefusedError || (error instanceof EmitError && error.code.startsWith('EVENT_'));
}
