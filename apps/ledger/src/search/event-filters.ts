import { SEVERITIES, type Severity } from '@countersign/chain';

/** What a search asks for; every filter given must match. */
export interface EventFilters {
  /** Whole dotted words from the left. */
  readonly type?: string;
  readonly actor?: string;
  readonly resource?: string;
  /** At least this severe. */
  readonly severity?: Severity;
  /** RFC 3339 UTC, included. */
  readonly from?: string;
  /** RFC 3339 UTC, excluded. */
  readonly to?: string;
}

/** Severities as the index stores them: their place in the order of the format. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

export const SEVERITY_RANK_MAX: number = SEVERITIES.length - 1;
