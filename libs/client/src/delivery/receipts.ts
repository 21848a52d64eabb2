import type { Receipt } from '@countersign/chain';
import type { Refusal } from '@countersign/contracts';

/**
 * Reads the body of `ledger.receipt.<source>`. Shapes are checked by hand: this runs for every event of every producer
 * of the source. Returns undefined if the body is no receipt batch.
 */
export function parseReceipts(body: Uint8Array): { recorded: Receipt[]; repeated: Receipt[] } | undefined {
  const value = parse(body);
  const recorded = value?.['recorded'];
  const repeated = value?.['repeated'];
  if (!Array.isArray(recorded) || !Array.isArray(repeated)) return undefined;
  if (!recorded.every(isReceipt) || !repeated.every(isReceipt)) return undefined;
  return { recorded, repeated };
}

/** Reads the body of `ledger.refused.<source>`. Returns undefined if it is no refusal batch. */
export function parseRefusals(body: Uint8Array): Refusal[] | undefined {
  const refusals = parse(body)?.['refusals'];
  return Array.isArray(refusals) && refusals.every(isRefusal) ? refusals : undefined;
}

function parse(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isReceipt(value: unknown): value is Receipt {
  const receipt = value as Receipt | null;
  return (
    typeof receipt === 'object' &&
    receipt !== null &&
    typeof receipt.id === 'string' &&
    typeof receipt.tenant === 'string' &&
    typeof receipt.index === 'number' &&
    typeof receipt.eventHash === 'string' &&
    typeof receipt.recordedAt === 'string'
  );
}

function isRefusal(value: unknown): value is Refusal {
  const refusal = value as Refusal | null;
  return (
    typeof refusal === 'object' &&
    refusal !== null &&
    (refusal.id === undefined || typeof refusal.id === 'string') &&
    typeof refusal.tenant === 'string' &&
    typeof refusal.code === 'string' &&
    typeof refusal.message === 'string'
  );
}
