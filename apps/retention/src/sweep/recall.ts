import type { Hold } from '@countersign/retention-rules';
import type { OpenOrder } from './order-rows.js';

/** What a hold is told when it is placed. */
export interface Recalled {
  /** Orders that were carried out before. */
  readonly gone: readonly OpenOrder[];
  /** Orders whose owner does not answer: they are void by their own time. */
  readonly unanswered: readonly OpenOrder[];
}

/** Calls back orders that a hold touches, once it is on record. */
export type Recall = (hold: Pick<Hold, 'organization' | 'scope'>) => Promise<Recalled>;
