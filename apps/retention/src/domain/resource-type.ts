import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@countersign/chain';
import type { TypeDescription, TypeWay } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { RetentionFault } from './retention-fault.js';

/** A type that a service of an organisation, or of the installation, holds. Undefined: it was never registered. */
export interface ResourceTypeState extends TypeDescription {
  readonly way: TypeWay;
  /** Its service is asked about persons. */
  readonly persons?: true;
  readonly isWithdrawn: boolean;
}

type Change =
  | { readonly type: 'register'; readonly description: TypeDescription; readonly way: TypeWay; readonly persons?: boolean }
  | { readonly type: 'withdraw'; readonly reason: string };

export type ResourceTypeCommand = Change & { readonly name: string; readonly by: string; readonly origin: AskedFrom | undefined };

export interface ResourceTypeEvent extends DomainEvent {
  readonly type: `retention.type.${'registered' | 'changed' | 'withdrawn'}`;
  readonly data: JsonObject;
}

export const resourceTypeAggregate = defineAggregate<ResourceTypeState | undefined, ResourceTypeCommand, ResourceTypeEvent>({
  name: 'type',
  initialState: undefined,
  decide: (command, known) => decide(command, known).map((event) => from(command.origin, { ...event, severity: 'notice' as const, resource: { type: 'resource-type', id: command.name } })),
  evolve,
});

function decide(command: ResourceTypeCommand, known: ResourceTypeState | undefined): readonly ResourceTypeEvent[] {
  const { by } = command;
  if (command.type === 'withdraw') {
    if (known === undefined || known.isWithdrawn) throw new RetentionFault('TYPE_UNKNOWN', 'there is no such type', { field: 'type' });
    return [{ type: 'retention.type.withdrawn', data: { by, reason: command.reason } }];
  }
  const { description: { service, clock, actions, classes }, way, persons = false } = command;
  // Another service would be given orders over what it does not hold, and could confirm them.
  if (known !== undefined && (known.service !== service || known.way !== way)) throw new RetentionFault('TYPE_OWNER_FIXED', 'another service holds it, or in another way', { field: 'service' });
  const said = { service, way, clock, actions: [...actions].sort(), classes: [...classes].sort(), ...(persons ? { persons } : {}) };
  const { isWithdrawn, ...before } = known ?? { isWithdrawn: true };
  if (!isWithdrawn && isDeepStrictEqual(before, said)) return [];
  return [{ type: known === undefined || isWithdrawn ? 'retention.type.registered' : 'retention.type.changed', data: { by, ...said } }];
}

function evolve(known: ResourceTypeState | undefined, { type, data }: Pick<ResourceTypeEvent, 'type' | 'data'>): ResourceTypeState | undefined {
  if (type === 'retention.type.withdrawn') return known && { ...known, isWithdrawn: true };
  const { service, way, clock, actions, classes, persons } = data as unknown as Omit<ResourceTypeState, 'isWithdrawn'>;
  return { service, way, clock, actions, classes, ...(persons === true ? { persons } : {}), isWithdrawn: false };
}
