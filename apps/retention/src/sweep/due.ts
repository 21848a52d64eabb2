import type { DeletionAction, HeldResource } from '@countersign/contracts';
import type { Outcome, Resource } from '@countersign/retention-rules';
import type { RegisteredType } from '../types/built-in-types.js';

/** Resources that one order can be about: of one tenant, class, action and rule. */
export interface Batch {
  readonly tenant: string;
  readonly dataClass: HeldResource['class'];
  readonly action: DeletionAction;
  readonly rule: { readonly id: string; readonly version: number };
  readonly resources: readonly HeldResource[];
}

/** As the rules see it. */
export function resourceOf({ tenant, type, id, class: dataClass, subject, created, oldest, closed, lastUsed }: HeldResource): Resource {
  return {
    organization: tenant, type, id, dataClass,
    ...(subject === undefined ? {} : { subject }),
    createdMs: Date.parse(created),
    ...(oldest === undefined ? {} : { oldestMs: Date.parse(oldest) }),
    ...(closed === undefined ? {} : { closedMs: Date.parse(closed) }),
    ...(lastUsed === undefined ? {} : { lastUsedMs: Date.parse(lastUsed) }),
  };
}

/** What is due of a page, put together into orders. Pure. */
export function batchesOf(resources: readonly HeldResource[], { orderMax }: Pick<RegisteredType, 'orderMax'>, outcomeOf: (resource: Resource) => Outcome | undefined): Batch[] {
  const batches = new Map<string, { -readonly [K in keyof Batch]: K extends 'resources' ? HeldResource[] : Batch[K] }[]>();
  for (const resource of resources) {
    const outcome = outcomeOf(resourceOf(resource));
    if (outcome?.verdict !== 'due' || outcome.action === undefined) continue;
    const { id = 'none', version = 0 } = outcome.reasons[0] ?? {};
    const { tenant, class: dataClass } = resource;
    const name = JSON.stringify([tenant, dataClass, outcome.action, id, version]);
    const open = batches.get(name) ?? [];
    batches.set(name, open);
    const last = open.at(-1);
    if (last !== undefined && last.resources.length < orderMax) last.resources.push(resource);
    else open.push({ tenant, dataClass, action: outcome.action, rule: { id, version }, resources: [resource] });
  }
  return [...batches.values()].flat();
}
