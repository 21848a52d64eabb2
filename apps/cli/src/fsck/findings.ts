import type { FaultCode } from '@countersign/chain';

export interface Finding {
  readonly code: FaultCode;
  /** The entry at fault, where it is one. */
  readonly leafIndex?: number;
  readonly message: string;
}

const FINDINGS_KEPT_MAX = 100;

/** What a check found: all of it counted, the first hundred kept. */
export class Findings {
  total = 0;
  readonly first: Finding[] = [];

  add(code: FaultCode, message: string, leafIndex?: number): void {
    this.total += 1;
    if (this.first.length >= FINDINGS_KEPT_MAX) return;
    this.first.push(leafIndex === undefined ? { code, message } : { code, message, leafIndex });
  }
}
