import type { JsonObject } from '@countersign/chain';
import type { DataClass, HeldOrder, HolderFaultCode, OrderOutcome } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';

/** One order of deletion: given once, settled once. */
export interface Deletion {
  readonly state: 'open' | OrderOutcome['state'] | 'refused';
}

/** Under what an order was given. */
export interface DeletionRule {
  /** Of the policy, or of the request of its subject. */
  readonly policy: string;
  readonly policyVersion: number;
  readonly setBy: string;
  readonly approvedBy?: string;
}

export type DeletionCommand =
  | { readonly type: 'order'; readonly order: HeldOrder; readonly holder: string; readonly dataClass: DataClass; readonly rule: DeletionRule }
  /** `certificate`: there when something is gone. */
  | { readonly type: 'settle'; readonly orderId: string; readonly outcome: OrderOutcome; readonly listSha256: string; readonly certificate: string | undefined }
  | { readonly type: 'refuse'; readonly orderId: string; readonly code: HolderFaultCode };

interface DeletionEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const DELETION_ORDERED = 'retention.deletion.ordered';
/** Orders that were settled, by what became of them: `executed`, `recalled`, `expired`, `refused`. */
const settledAs = (state: string): string => `retention.deletion.${state}`;

export const deletionAggregate = defineAggregate<Deletion | undefined, DeletionCommand, DeletionEvent>({
  name: 'deletion',
  initialState: undefined,
  decide(command, deletion) {
    if (command.type === 'order') return deletion === undefined ? [ordered(command)] : [];
    if (deletion?.state !== 'open') return [];
    return [command.type === 'refuse' ? about(command.orderId, { type: settledAs('refused'), severity: 'warning', outcome: 'failure', data: { code: command.code } }) : settled(command)];
  },
  evolve(deletion, { type }) {
    if (type === DELETION_ORDERED) return { state: 'open' };
    return deletion === undefined ? undefined : { state: type.slice(settledAs('').length) as Deletion['state'] };
  },
});

function ordered({ order, holder, dataClass, rule }: Extract<DeletionCommand, { type: 'order' }>): DeletionEvent {
  const { orderId, type, action, resources, except, expiresAt } = order;
  return about(orderId, { type: DELETION_ORDERED, data: { holder, type, class: dataClass, action, resources: resources.length, except: except.length, expiresAt, ...rule } });
}

function settled({ orderId, outcome, listSha256, certificate }: Extract<DeletionCommand, { type: 'settle' }>): DeletionEvent {
  if (outcome.state !== 'executed') return about(orderId, { type: settledAs(outcome.state), data: { at: outcome.at } });
  const data = { at: outcome.at, resources: outcome.done.length, items: outcome.items, listSha256, ...(certificate === undefined ? {} : { certificate }) };
  return about(orderId, { type: settledAs('executed'), severity: 'notice', data });
}

const about = (orderId: string, event: DeletionEvent): DeletionEvent => ({ ...event, resource: { type: 'deletion', id: orderId } });
