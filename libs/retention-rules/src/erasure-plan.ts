import { mayCover, type Hold, type Kind } from './hold.js';

/** A subject's key: all that lies under it can be read by it alone. */
export interface KeyName {
  readonly tenant: string;
  readonly subject: string;
}

/** Things about a person that one service holds. */
export interface PersonsKind extends Kind {
  readonly holder: string;
  /** 0: there is none now, and one may come before it is erased. */
  readonly count: number;
  /** Without these keys they cannot be read. */
  readonly under: readonly KeyName[];
  /** They go with their keys, and in no other way. */
  readonly isByKeys: boolean;
}

/** What an erasure takes away, and what it leaves because of holds. */
export interface ErasurePlan<K extends PersonsKind> {
  /** What a hold covers, or may: also kinds of which there is nothing now. */
  readonly held: readonly K[];
  /** What no hold covers, and what goes by keys alone, of which something that is held needs one. */
  readonly bound: readonly K[];
  readonly going: readonly K[];
  readonly keys: readonly KeyName[];
  readonly keptKeys: readonly KeyName[];
}

/**
 * What of a person goes under the holds that stand. A key goes when nothing that is held lies under it, and when no hold may be about anything of its
 * subject whatever its type and class: of that nobody has asked whether it is there.
 * @param holds those in force, and those whose end is still announced
 */
export function planErasure<K extends PersonsKind>(kinds: readonly K[], keys: readonly KeyName[], holds: readonly Hold[]): ErasurePlan<K> {
  const isHeld = (kind: Kind): boolean => holds.some((hold) => mayCover(hold, kind));
  const held = kinds.filter(isHeld);
  const needed = new Set(held.filter(({ count }) => count > 0).flatMap(({ under }) => under.map(nameOf)));
  const isKept = (key: KeyName): boolean => needed.has(nameOf(key)) || isHeld(anythingUnder(key));
  const keptKeys = keys.filter(isKept);
  const kept = new Set(keptKeys.map(nameOf));
  const isBound = ({ isByKeys, under }: K): boolean => isByKeys && under.some((key) => kept.has(nameOf(key)));
  const others = kinds.filter((kind) => !held.includes(kind));
  return { held, bound: others.filter(isBound), going: others.filter((kind) => !isBound(kind)), keys: keys.filter((key) => !kept.has(nameOf(key))), keptKeys };
}

/** Of no type, class or time: what a hold covers that names none of these, be it there or not. */
const anythingUnder = ({ tenant, subject }: KeyName): Kind => ({ organization: tenant, type: '', dataClass: '', subjects: [subject], oldestMs: NaN });

const nameOf = ({ tenant, subject }: KeyName): string => JSON.stringify([tenant, subject]);
