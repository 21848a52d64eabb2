import type { HeldKind, HeldType, Kept } from '@countersign/contracts';
import { planErasure, type ErasurePlan, type Hold, type PersonsKind } from '@countersign/retention-rules';
import type { Remainder } from '../store/remainder-rows.js';
import type { Person } from './person.js';

/** What the person is shown: not which matter it is. */
export const HELD_REASON = 'a legal hold forbids erasing it; it is erased when the hold is over';
const BOUND_REASON = 'it can only be made unreadable together with something that a legal hold forbids erasing; it is erased with that';

/** As the rules see it; undefined for what is kept whatever holds say. */
export function kindOf({ tenant, subject }: Person, { holder, type, class: dataClass, count, onErasure, tenant: organization = tenant, subjects = [subject], oldest, under }: HeldKind): PersonsKind | undefined {
  if (onErasure === 'kept') return undefined;
  return { holder, organization, type, dataClass, subjects, count, under, isByKeys: onErasure === 'shredded', ...(oldest === undefined ? {} : { oldestMs: Date.parse(oldest) }) };
}

/** Something stands against it, and nothing is left that could go. */
export function isStopped({ held, going, keys, keptKeys }: ErasurePlan<PersonsKind>): boolean {
  return keys.length === 0 && going.every(({ count }) => count === 0) && (keptKeys.length > 0 || held.some(({ count }) => count > 0));
}

/** Types of one service that it has to leave. */
export const keptTypes = ({ held }: Pick<ErasurePlan<PersonsKind>, 'held'>, service: string): string[] => [...new Set(held.filter(({ holder }) => holder === service).map(({ type }) => type))].sort();

/** Whether something goes that could not before. */
export function isFreed({ kinds, keys }: Remainder, holds: readonly Hold[]): boolean {
  const plan = planErasure(kinds, keys, holds);
  return plan.keys.length > 0 || plan.going.some(({ count }) => count > 0);
}

/** What is left, to be looked at again. Undefined: nothing. */
export function remainderOf({ held, bound, keptKeys }: ErasurePlan<PersonsKind>, reported: readonly PersonsKind[] = []): Remainder | undefined {
  const kinds = [...held, ...bound, ...reported].filter(({ count }) => count > 0);
  return kinds.length === 0 && keptKeys.length === 0 ? undefined : { kinds, keys: keptKeys };
}

/** For the certificate. */
export function keptOf({ held, bound, keptKeys }: ErasurePlan<PersonsKind>): Kept[] {
  const told = (reason: string) => ({ holder, type, dataClass, count }: PersonsKind): Kept[] => (count === 0 ? [] : [{ holder, type, class: dataClass, reason, count }]);
  const keys: Kept[] = keptKeys.length === 0 ? [] : [{ holder: 'keys', type: 'subject-key', class: 'security', reason: BOUND_REASON, count: keptKeys.length }];
  return [...held.flatMap(told(HELD_REASON)), ...bound.flatMap(told(BOUND_REASON)), ...keys];
}

/** What the person is told of a type: of some of it holds may decide otherwise. */
export function toldTypes(types: readonly HeldType[], { held, bound }: ErasurePlan<PersonsKind>): HeldType[] {
  const under = ({ holder, type, class: dataClass }: HeldType, kinds: readonly PersonsKind[]): boolean => kinds.some((kind) => kind.holder === holder && kind.type === type && kind.dataClass === dataClass);
  return types.map((type) => {
    if (type.onErasure === 'kept') return type;
    if (under(type, held)) return { ...type, onErasure: 'kept', reason: HELD_REASON };
    return under(type, bound) ? { ...type, onErasure: 'kept', reason: BOUND_REASON } : type;
  });
}

/** With what a service has said since of what it has left. */
export function withHeld(kinds: readonly PersonsKind[], service: string, left: readonly { readonly type: string; readonly count: number }[]): PersonsKind[] {
  const counts = new Map(left.map(({ type, count }) => [type, count]));
  return kinds.map((kind) => (kind.holder === service && counts.has(kind.type) && kind.count === 0 ? { ...kind, count: counts.get(kind.type)! } : kind));
}
