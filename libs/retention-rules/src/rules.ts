import { evaluate, type Erasure } from './evaluate.js';
import { coverageOf, isInForce, nameOf, type Hold } from './hold.js';
import type { Outcome } from './outcome.js';
import { isAtLeast, isSamePeriod, type Period } from './period.js';
import { appliesTo, explicitness, type Policy } from './policy.js';
import type { Test } from './query.js';
import type { Resource, ResourceType } from './resource.js';

/** Policies and holds as they are at one moment. */
export interface RuleSet {
  readonly policies: readonly Policy[];
  readonly holds: readonly Hold[];
  readonly types: readonly ResourceType[];
  /** See `Matter`. */
  readonly announceMs: number;
}

/** Kinds of resources (organisation, type, class) remembered at once; beyond it all are forgotten. */
export const KINDS_MAX = 50_000;

interface Watched {
  readonly hold: Hold;
  readonly fixed: Test | undefined;
  readonly rest: Test | undefined;
}

interface Kind {
  readonly type: ResourceType;
  readonly policies: readonly Policy[];
  /** Of the holds that are found by no subject and by no name those that may cover something of this kind. */
  readonly holds: readonly Watched[];
}

/**
 * The same decisions as `evaluate`, for many resources at one instant: what cannot decide is left out beforehand, so a verdict comes with the
 * reasons that decide and not with all.
 */
export class Rules {
  readonly #kinds = new Map<string, Kind | undefined>();
  readonly #bySubject = new Map<string, Watched[]>();
  readonly #byName = new Map<string, Watched[]>();
  readonly #others: Watched[] = [];
  readonly #types: ReadonlyMap<string, ResourceType>;

  /** Throws RetentionRulesFault QUERY_MALFORMED. */
  constructor(
    private readonly set: RuleSet,
    private readonly nowMs: number,
  ) {
    this.#types = new Map(set.types.map((type) => [type.type, type]));
    for (const hold of set.holds) if (this.#matters(hold)) this.#watch(hold);
  }

  /** Undefined: nobody has registered its type, and nothing is done to it. */
  outcomeOf(resource: Resource, erasure?: Erasure): Outcome | undefined {
    const kind = this.#kindOf(resource);
    if (kind === undefined) return undefined;
    const holds = this.#holdsOn(resource, kind);
    return evaluate({ resource, type: kind.type, policies: kind.policies, holds, announceMs: this.set.announceMs, ...(erasure === undefined ? {} : { erasure }) }, this.nowMs);
  }

  /** A hold that was released long ago says nothing any more, and one of the future nothing yet but when it begins. */
  #matters(hold: Hold): boolean {
    return isInForce(hold, this.nowMs) || hold.placedMs > this.nowMs || this.nowMs < hold.releasedMs! + this.set.announceMs;
  }

  #watch(hold: Hold): void {
    const watched = { hold, ...coverageOf(hold) };
    const { subjects, resources } = hold.scope;
    if (subjects !== undefined) for (const subject of new Set(subjects)) listed(this.#bySubject, subject).push(watched);
    else if (resources !== undefined) for (const name of new Set(resources.map(({ type, id }) => nameOf(type, id)))) listed(this.#byName, name).push(watched);
    else this.#others.push(watched);
  }

  #holdsOn(resource: Resource, kind: Kind): Hold[] {
    const found: Hold[] = [];
    const { subject, type, id } = resource;
    const add = (holds: readonly Watched[] | undefined, isFixedMet: boolean): void => {
      for (const { hold, fixed, rest } of holds ?? []) if ((isFixedMet || (fixed?.(resource) ?? true)) && (rest?.(resource) ?? true)) found.push(hold);
    };
    if (subject !== undefined) add(this.#bySubject.get(subject), false);
    if (this.#byName.size > 0) add(this.#byName.get(nameOf(type, id)), false);
    add(kind.holds, true);
    return found;
  }

  #kindOf(resource: Resource): Kind | undefined {
    const name = `${resource.organization ?? ''} ${resource.type} ${resource.dataClass}`;
    if (this.#kinds.has(name)) return this.#kinds.get(name);
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
    const type = this.#types.get(resource.type);
    const kind = type && {
      type,
      policies: decisive(this.set.policies.filter((policy) => appliesTo(policy, resource))),
      holds: this.#others.filter(({ fixed }) => fixed?.(resource) ?? true),
    };
    this.#kinds.set(name, kind);
    return kind;
  }
}

function listed<V>(map: Map<string, V[]>, name: string): V[] {
  const known = map.get(name) ?? [];
  map.set(name, known);
  return known;
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
