import type { Receipt } from '@countersign/chain';

/** What the measuring process asks of the producer, by IPC, one thing at a time. */
export type ProducerOrder =
  | { readonly kind: 'burst'; readonly events: number; readonly emitsAtOnce: number; readonly personal: boolean }
  | { readonly kind: 'paced'; readonly perSecond: number; readonly seconds: number; readonly sampleEvery: number }
  | { readonly kind: 'stop' };

export interface BurstResult {
  readonly kind: 'burst';
  /** From the first emit to the last receipt. */
  readonly seconds: number;
  /** From the first emit until the last one resolved: durable in the spool. */
  readonly emitSeconds: number;
  readonly repeated: number;
  readonly resent: number;
}

export interface PacedResult {
  readonly kind: 'paced';
  /** From the moment an event was due to its receipt, milliseconds, in order of receipt. */
  readonly latenciesMs: readonly number[];
}

/** A receipt as its producer saw it, at Unix time `atMs`. */
export interface SampledReceipt {
  readonly kind: 'receipt';
  readonly receipt: Receipt;
  readonly atMs: number;
}

export type ProducerReport = BurstResult | PacedResult | SampledReceipt | { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly message: string };
