import type { DeletionAction, HeldOrder, HolderArgs, HolderResult } from '@countersign/contracts';
import type { PoolClient } from '@countersign/postgres';

/** What an order has come to within its transaction. */
export interface Carried {
  /** Ids of the order that are gone by it; those that were not there are not among them. */
  readonly done: readonly string[];
  /** Things in them, where a resource is a range of many; default one each. */
  readonly items?: number;
}

/** Something that must be so before anything goes, made by `prepare`. */
export type Prepared = unknown;

/** What a service says and does of what it holds. */
export interface Holder {
  /** What may be done with what. */
  readonly types: Readonly<Record<string, readonly DeletionAction[]>>;
  /** Pages in a stable order: what is neither added nor taken away between two pages is in exactly one of them. */
  list(request: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>>;
  /**
   * Before the transaction begins; may take part of the order's time. Nobody says when the order does not happen, be it for a crash: what must be
   * undone then the holder finds by rows of its own, see `Orders.expire`.
   */
  prepare?(order: HeldOrder): Promise<Prepared>;
  /** Takes away what is listed, in the transaction that stores the order's outcome. What it throws rolls everything back. */
  carryOut(client: PoolClient, order: HeldOrder, prepared: Prepared): Promise<Carried>;
}

/** What a service says and does of one person. */
export interface SubjectHolder {
  show(person: HolderArgs<'held-subject'>): Promise<HolderResult<'held-subject'>>;
  /** Pages in a stable order. */
  export(page: HolderArgs<'held-export'>): Promise<HolderResult<'held-export'>>;
  /** Durable when it resolves, with a row that says what was done: the same request again gives the same answer. */
  scrub(request: HolderArgs<'held-scrub-subject'>): Promise<HolderResult<'held-scrub-subject'>>;
}
