/** What a service holds under a key version, as far as it has said. */
export interface Holding {
  readonly service: string;
  /** What its last scan has found; undefined before the first. */
  readonly remaining: number | undefined;
  /** When that scan began. */
  readonly scannedAtMs: number | undefined;
}

/**
 * How much is left under a version: what was found, or 0 when every holder has shown by a scan that nothing is. Undefined
 * while one of them has not: a scan that began before `settledAtMs`, when the last lease to encrypt had ended, proves
 * nothing, for a row may have been written behind it.
 */
export function provenRemaining(holdings: readonly Holding[], settledAtMs: number): number | undefined {
  const found = holdings.reduce((sum, { remaining }) => sum + (remaining ?? 0), 0);
  if (found > 0) return found;
  return holdings.every(({ scannedAtMs }) => scannedAtMs !== undefined && scannedAtMs >= settledAtMs) ? 0 : undefined;
}
