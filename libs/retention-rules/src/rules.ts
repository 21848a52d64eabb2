import { evaluate, type Erasure } from './evaluate.js';
import { isInForce, type Hold } from './hold.js';
import type { Outcome } from './outcome.js';
import { isAtLeast, isSamePeriod, type Period } from './period.js';
import { appliesTo, explicitness, type Policy } from './policy.js';
import { restricts, type Restriction } from './restriction.js';
import type { Resource, ResourceType } from './resource.js';
import { byAge, Watches, type Watched } from './watch.js';

/** Policies and holds as they are at one moment. */
export interface RuleSet {
  readonly policies: readonly Policy[];
  readonly holds: readonly Hold[];
  readonly types: readonly ResourceType[];
  readonly restrictions?: readonly Restriction[];
  /** See `Matter`. */
  readonly announceMs: number;
}

/** Kinds of resources (organisation, type, class) remembered at once; beyond it all are forgotten. */
export const KINDS_MAX = 50_000;

interface Kind {
  readonly type: ResourceType;
  readonly policies: readonly Policy[];
  /** Of the holds that name nobody and nothing those that may cover something of this kind. */
  readonly steady: readonly Watched[];
  readonly moving: readonly Watched[];
}

/** What may speak of anything that an organisation has. */
interface Organization {
  readonly policies: readonly Policy[];
  readonly steady: readonly Watched[];
  readonly moving: readonly Watched[];
  readonly kinds: Map<string, Kind | undefined>;
}

/**
 * The same decisions as `evaluate`, for many resources at one instant: what cannot decide is left out beforehand, so a verdict comes with the
 * reasons that decide and not with all.
 */
export class Rules {
  readonly #organizations = new Map<string | undefined, Organization>();
  #kinds = 0;
  readonly #types: ReadonlyMap<string, ResourceType>;
  /** In force, and not known to end: of these the oldest says it all. */
  readonly #steady: Watches;
  /** Whose beginning or end counts: announced still, or of a time that is to come. */
  readonly #moving: Watches;
  readonly #restrictions: ReadonlyMap<string, readonly Restriction[]>;

  /** Throws RetentionRulesFault QUERY_MALFORMED. */
  constructor(
    private readonly set: RuleSet,
    private readonly nowMs: number,
  ) {
    this.#types = new Map(set.types.map((type) => [type.type, type]));
    this.#restrictions = Map.groupBy(set.restrictions ?? [], ({ subject }) => subject);
    const isSteady = ({ placedMs, releasedMs }: Hold): boolean => placedMs <= nowMs && releasedMs === undefined;
    this.#steady = new Watches(set.holds.filter(isSteady));
    // One that was released long ago says nothing any more.
    this.#moving = new Watches(set.holds.filter((hold) => !isSteady(hold) && (isInForce(hold, nowMs) || hold.placedMs > nowMs || nowMs < hold.releasedMs! + set.announceMs)));
  }

  /** Undefined: nobody has registered its type, and nothing is done to it. */
  outcomeOf(resource: Resource, erasure?: Erasure): Outcome | undefined {
    const kind = this.#kindOf(resource);
    if (kind === undefined) return undefined;
    const holds = covering(resource, this.#moving.naming(resource), kind.moving);
    const oldest = oldestOver(resource, this.#steady.naming(resource), kind.steady);
    if (oldest !== undefined) holds.push(oldest);
    const restrictions = resource.subject === undefined ? undefined : this.#restrictions.get(resource.subject)?.filter((one) => restricts(one, resource));
    return evaluate({
      resource, type: kind.type, policies: kind.policies, holds, announceMs: this.set.announceMs,
      ...(erasure === undefined ? {} : { erasure }),
      ...(restrictions === undefined ? {} : { restrictions }),
    }, this.nowMs);
  }

  #kindOf(resource: Resource): Kind | undefined {
    const { policies, steady, moving, kinds } = this.#organizationOf(resource.organization);
    const name = `${resource.type} ${resource.dataClass}`;
    const known = kinds.get(name);
    if (known !== undefined || kinds.has(name)) return known;
    const type = this.#types.get(resource.type);
    const may = ({ fixed }: Watched): boolean => fixed?.(resource) ?? true;
    const kind = type && { type, policies: decisive(policies.filter((policy) => appliesTo(policy, resource))), steady: steady.filter(may), moving: moving.filter(may) };
    kinds.set(name, kind);
    this.#kinds += 1;
    return kind;
  }

  #organizationOf(name: string | undefined): Organization {
    if (this.#kinds >= KINDS_MAX) {
      this.#organizations.clear();
      this.#kinds = 0;
    }
    const known = this.#organizations.get(name);
    if (known !== undefined) return known;
    const isOf = ({ organization }: { readonly organization?: string }): boolean => organization === undefined || organization === name;
    const those = ({ others }: Watches): Watched[] => others.filter(({ hold }) => isOf(hold));
    const made = { policies: this.set.policies.filter(isOf), steady: those(this.#steady), moving: those(this.#moving), kinds: new Map() };
    this.#organizations.set(name, made);
    return made;
  }
}

/** @param ofKind those whose fixed part is met */
function covering(resource: Resource, naming: readonly (readonly Watched[])[], ofKind: readonly Watched[]): Hold[] {
  const found: Hold[] = [];
  for (const list of naming) for (const { hold, fixed, rest } of list) if ((fixed?.(resource) ?? true) && (rest?.(resource) ?? true)) found.push(hold);
  for (const { hold, rest } of ofKind) if (rest?.(resource) ?? true) found.push(hold);
  return found;
}

/** Every list has its oldest first: nothing behind one that is too young is asked. */
function oldestOver(resource: Resource, naming: readonly (readonly Watched[])[], ofKind: readonly Watched[]): Hold | undefined {
  let oldest: Hold | undefined;
  const look = (list: readonly Watched[], isFixedMet: boolean): void => {
    for (const { hold, fixed, rest } of list) {
      if (oldest !== undefined && byAge(oldest, hold) <= 0) return;
      if ((isFixedMet || (fixed?.(resource) ?? true)) && (rest?.(resource) ?? true)) oldest = hold;
    }
  };
  look(ofKind, true);
  for (const list of naming) look(list, false);
  return oldest;
}

/** Without those that others outdo wherever the clock begins. Exported for tests. */
export function decisive(policies: readonly Policy[]): Policy[] {
  const keeping = policies.filter(({ keep }) => keep !== undefined);
  const disposing = policies.filter(({ dispose }) => dispose !== undefined);
  const closest = Math.max(...disposing.map(explicitness));
  const keeps = undominated(keeping, (a, b) => (a.byLaw !== undefined || b.byLaw === undefined) && isLonger(a.keep!, b.keep!));
  const disposals = undominated(disposing.filter((policy) => explicitness(policy) === closest), (a, b) => isAtLeast(b.dispose!.after, a.dispose!.after) && !isSamePeriod(a.dispose!.after, b.dispose!.after));
  return policies.filter((policy) => keeps.includes(policy) || disposals.includes(policy));
}

const isLonger = (a: Period | 'for-ever', b: Period | 'for-ever'): boolean => (a === 'for-ever' ? b !== 'for-ever' : b !== 'for-ever' && isAtLeast(a, b) && !isSamePeriod(a, b));

/** Quadratic, and done once a kind. */
function undominated(policies: readonly Policy[], outdoes: (a: Policy, b: Policy) => boolean): Policy[] {
  return policies.filter((policy) => !policies.some((other) => outdoes(other, policy)));
}
