import type { Orders } from '@countersign/holder';
import type { PartsHolder } from './parts-holder.js';
import type { StatementRows } from './statement-rows.js';

export interface SettlingOptions {
  readonly statements: Pick<StatementRows, 'overdue' | 'forget'>;
  readonly orders: Pick<Orders, 'expire'>;
  readonly parts: Pick<PartsHolder, 'takeBack'>;
  readonly onError: (error: unknown, orderId: string) => void;
}

/**
 * Takes back what was stated and did not happen, without anybody asking: after a crash, retention may know what became of an order, and never ask
 * about it again.
 */
export class StatementSettling {
  constructor(private readonly options: SettlingOptions) {}

  /** Goes over all statements that are overdue. What fails is there again the next time, and keeps nothing else from being settled. */
  async settle(): Promise<void> {
    const { statements, onError } = this.options;
    for (let after = ''; ; ) {
      const page = await statements.overdue(after);
      for (const orderId of page) await this.#settle(orderId).catch((error: unknown) => onError(error, orderId));
      if (page.length === 0) return;
      after = page.at(-1)!;
    }
  }

  async #settle(orderId: string): Promise<void> {
    const { statements, orders, parts } = this.options;
    // What is on record already stays what it is.
    const outcome = await orders.expire(orderId);
    // Somebody was late to keep the statement of an order that others had carried out.
    if (outcome.state === 'executed' && outcome.done.length > 0) await statements.forget(orderId);
    else await parts.takeBack(orderId, outcome.at);
  }
}
