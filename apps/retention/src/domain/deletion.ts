import type { JsonObject } from '@countersign/chain';
import type { DataClass, HeldOrder, HolderFaultCode, OrderOutcome } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { RetentionFault } from './retention-fault.js';

/** One order of deletion: given once, settled once. */
export interface Deletion {
  readonly state: 'open' | OrderOutcome['state'] | 'refused';
  /** Of an order that its holder fetches: he has it, and may carry it out before this instant. */
  readonly fetchedUntil?: string;
  /** A hold came after that. */
  readonly recallAskedAt?: string;
  /** It was confirmed when it was too late, and that is on record. */
  readonly isConfirmedLate?: true;
}

/** Under what an order was given. */
export interface DeletionRule {
  /** Of the policy, or of the request of its subject. */
  readonly policy: string;
  readonly policyVersion: number;
  readonly setBy: string;
  readonly approvedBy?: string;
}

interface Settle {
  readonly type: 'settle';
  readonly orderId: string;
  readonly outcome: OrderOutcome;
  readonly listSha256: string;
  /** There when something is gone. */
  readonly certificate: string | undefined;
}

/** `origin`: of what a holder says over HTTP. */
interface ByHolder {
  readonly orderId: string;
  readonly origin: AskedFrom | undefined;
  readonly at: string;
}

export type DeletionCommand =
  | { readonly type: 'order'; readonly order: HeldOrder; readonly holder: string; readonly dataClass: DataClass; readonly rule: DeletionRule }
  | Settle
  | { readonly type: 'refuse'; readonly orderId: string; readonly code: HolderFaultCode }
  /** To its holder, who has fetched it. */
  | (ByHolder & { readonly type: 'hand-out'; readonly until: string })
  /** Of an order that is fetched: over at once if nobody has it, and otherwise on record. */
  | { readonly type: 'call-back'; readonly orderId: string; readonly at: string }
  | { readonly type: 'expire'; readonly orderId: string; readonly at: string }
  | (ByHolder & Omit<Settle, 'type'> & { readonly type: 'confirm' })
  | (ByHolder & { readonly type: 'decline'; readonly reason: string });

interface DeletionEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const DELETION_ORDERED = 'retention.deletion.ordered';
export const DELETION_HANDED_OUT = 'retention.deletion.handed-out';
export const DELETION_RECALL_ASKED = 'retention.deletion.recall-asked';
export const DELETION_CONFIRMED_LATE = 'retention.deletion.confirmed-late';
/** Orders that were settled, by what became of them: `executed`, `recalled`, `expired`, `refused`. */
const settledAs = (state: string): string => `retention.deletion.${state}`;

export const deletionAggregate = defineAggregate<Deletion | undefined, DeletionCommand, DeletionEvent>({
  name: 'deletion',
  initialState: undefined,
  decide(command, deletion) {
    if (command.type === 'order') return deletion === undefined ? [ordered(command)] : [];
    if (command.type === 'confirm') return confirmed(command, deletion);
    if (deletion?.state !== 'open') return [];
    switch (command.type) {
      case 'refuse':
        return [about(command.orderId, { type: settledAs('refused'), severity: 'warning', outcome: 'failure', data: { code: command.code } })];
      case 'settle':
        return [settled(command)];
      case 'hand-out':
        return deletion.fetchedUntil === undefined ? [from(command.origin, about(command.orderId, { type: DELETION_HANDED_OUT, data: { until: command.until } }))] : [];
      case 'call-back':
        return calledBack(command, deletion);
      case 'expire':
        return deletion.fetchedUntil !== undefined && command.at < deletion.fetchedUntil ? [] : [about(command.orderId, { type: settledAs('expired'), data: { at: command.at } })];
      case 'decline':
        return deletion.fetchedUntil === undefined ? [] : [from(command.origin, about(command.orderId, { type: settledAs('refused'), severity: 'warning', outcome: 'failure', data: { at: command.at, reason: command.reason } }))];
    }
  },
  evolve(deletion, { type, data }) {
    if (type === DELETION_ORDERED) return { state: 'open' };
    if (deletion === undefined) return undefined;
    const { until, at } = data as { readonly until?: string; readonly at?: string };
    if (type === DELETION_HANDED_OUT) return { ...deletion, fetchedUntil: until! };
    if (type === DELETION_RECALL_ASKED) return { ...deletion, recallAskedAt: at! };
    if (type === DELETION_CONFIRMED_LATE) return { ...deletion, isConfirmedLate: true };
    return { ...deletion, state: type.slice(settledAs('').length) as Deletion['state'] };
  },
});

function ordered({ order, holder, dataClass, rule }: Extract<DeletionCommand, { type: 'order' }>): DeletionEvent {
  const { orderId, type, action, resources, except, expiresAt } = order;
  return about(orderId, { type: DELETION_ORDERED, data: { holder, type, class: dataClass, action, resources: resources.length, except: except.length, expiresAt, ...rule } });
}

function settled({ orderId, outcome, listSha256, certificate }: Omit<Settle, 'type'>): DeletionEvent {
  if (outcome.state !== 'executed') return about(orderId, { type: settledAs(outcome.state), data: { at: outcome.at } });
  const data = { at: outcome.at, resources: outcome.done.length, items: outcome.items, listSha256, ...(certificate === undefined ? {} : { certificate }) };
  return about(orderId, { type: settledAs('executed'), severity: 'notice', data });
}

function calledBack({ orderId, at }: Extract<DeletionCommand, { type: 'call-back' }>, { fetchedUntil, recallAskedAt }: Deletion): DeletionEvent[] {
  if (fetchedUntil === undefined) return [about(orderId, { type: settledAs('recalled'), data: { at } })];
  // Nobody can take it out of his hands: it is over at its time, or when he says what became of it.
  return recallAskedAt === undefined ? [about(orderId, { type: DELETION_RECALL_ASKED, severity: 'warning', data: { at, until: fetchedUntil } })] : [];
}

/** What is gone is gone, also after a hold: then it is on record as what it is. Throws ORDER_UNKNOWN, ORDER_SETTLED. */
function confirmed(command: Extract<DeletionCommand, { type: 'confirm' }>, deletion: Deletion | undefined): DeletionEvent[] {
  const { orderId, origin, at, outcome } = command;
  if (deletion?.fetchedUntil === undefined) throw new RetentionFault('ORDER_UNKNOWN', 'nobody has fetched such an order', { field: 'orderId' });
  const { state, fetchedUntil, recallAskedAt, isConfirmedLate } = deletion;
  const asked: JsonObject = recallAskedAt === undefined ? {} : { recallAskedAt };
  if (state === 'executed') return [];
  if (state === 'recalled' || state === 'refused') throw new RetentionFault('ORDER_SETTLED', 'it was answered otherwise', { field: 'orderId' });
  if (state === 'expired' || at >= fetchedUntil) {
    const done = outcome.state === 'executed' ? outcome.done.length : 0;
    return isConfirmedLate === true ? [] : [from(origin, about(orderId, { type: DELETION_CONFIRMED_LATE, severity: recallAskedAt === undefined ? 'warning' : 'alert', outcome: 'failure', data: { at, until: fetchedUntil, resources: done, ...asked } }))];
  }
  const event = settled(command);
  return [from(origin, recallAskedAt === undefined ? event : { ...event, severity: 'alert', data: { ...event.data, ...asked } })];
}

const about = (orderId: string, event: DeletionEvent): DeletionEvent => ({ ...event, resource: { type: 'deletion', id: orderId } });
