import type { JsonObject, Outcome, PersonalPart, Reference, Severity } from '@countersign/chain';
import type { OpenedPart } from './personal.js';

/** What a decision says has happened. Becomes one row of the store and one event of the ledger. */
export interface DomainEvent {
  /** `<source>.<noun>.<verb-past>`, such as `identity.session.created`. */
  readonly type: string;
  /** Operational facts, nothing personal and no secret: the ledger keeps them for ever. */
  readonly data?: JsonObject;
  /** Facts about persons: sealed under each subject's key before they reach the database. */
  readonly personal?: readonly PersonalPart[];
  /** Default `info`. */
  readonly severity?: Severity;
  /** Default `success`. */
  readonly outcome?: Outcome;
  readonly resource?: Reference;
}

/** An event as `evolve` meets it: personal parts only if the aggregate opens them, and then some may be erased. */
export type Past<E extends DomainEvent> = E extends unknown ? Omit<E, 'personal'> & { readonly personal?: readonly OpenedPart[] } : never;

/**
 * The rules of one kind of stream. Both functions are pure: time, ids and randomness come in with the command.
 * `decide` throws to refuse a command; what it returns has happened, and `evolve` may not refuse it.
 */
export interface Aggregate<State, Command, E extends DomainEvent> {
  /** First part of the stream's name: the stream of `id` is `<name>/<id>`. */
  readonly name: string;
  readonly initialState: State;
  readonly decide: (command: Command, state: State) => readonly E[];
  readonly evolve: (state: State, event: Past<E>) => State;
  /** True: `evolve` gets personal parts in clear, which costs a request to the cipher a load. Default false: it gets none. */
  readonly opensPersonal?: boolean;
}

/** Gives an aggregate its types, inferred from its functions. */
export function defineAggregate<State, Command, E extends DomainEvent>(aggregate: Aggregate<State, Command, E>): Aggregate<State, Command, E> {
  return aggregate;
}
