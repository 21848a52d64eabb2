import { all, parseQuery, type Query, type Test } from './query.js';
import type { Resource } from './resource.js';

/** What a hold is about: whatever is named must be met; of a list one. `everything` alone names nothing. */
export interface HoldScope {
  readonly everything?: true;
  readonly subjects?: readonly string[];
  readonly resources?: readonly { readonly type: string; readonly id: string }[];
  readonly types?: readonly string[];
  readonly dataClasses?: readonly string[];
  readonly createdFromMs?: number;
  readonly createdBeforeMs?: number;
  /** See `parseQuery`. */
  readonly query?: string;
}

export interface Hold {
  readonly id: string;
  /** Undefined: the installation's, which covers all organisations. */
  readonly organization?: string;
  readonly scope: HoldScope;
  readonly placedMs: number;
  /** Undefined: in force. */
  readonly releasedMs?: number;
}

export const isInForce = ({ placedMs, releasedMs }: Hold, atMs: number): boolean => placedMs <= atMs && (releasedMs === undefined || atMs < releasedMs);

/** What resources a hold covers, ready to be asked often. Throws RetentionRulesFault QUERY_MALFORMED. */
export function coverageOf({ organization, scope }: Pick<Hold, 'organization' | 'scope'>): Query {
  const { subjects, resources, types, dataClasses, createdFromMs, createdBeforeMs, query } = scope;
  const asked = query === undefined ? { fixed: undefined, rest: undefined } : parseQuery(query);
  const fixed: (Test | undefined)[] = [
    organization === undefined ? undefined : (resource) => resource.organization === organization,
    types && oneOf(types, ({ type }) => type),
    dataClasses && oneOf(dataClasses, ({ dataClass }) => dataClass),
    asked.fixed,
  ];
  const rest: (Test | undefined)[] = [
    subjects && oneOf(subjects, ({ subject }) => subject),
    resources && oneOf(resources.map(({ type, id }) => nameOf(type, id)), ({ type, id }) => nameOf(type, id)),
    createdFromMs === undefined ? undefined : ({ createdMs }) => createdMs >= createdFromMs,
    createdBeforeMs === undefined ? undefined : ({ createdMs }) => createdMs < createdBeforeMs,
    asked.rest,
  ];
  const those = (tests: readonly (Test | undefined)[]): Test | undefined => all(tests.filter((test) => test !== undefined));
  return { fixed: those(fixed), rest: those(rest) };
}

export function covers(hold: Pick<Hold, 'organization' | 'scope'>, resource: Resource): boolean {
  const { fixed, rest } = coverageOf(hold);
  return (fixed?.(resource) ?? true) && (rest?.(resource) ?? true);
}

/** Of a resource among all: a type has no space. */
export const nameOf = (type: string, id: string): string => `${type} ${id}`;

function oneOf(values: readonly string[], read: (resource: Resource) => string | undefined): Test {
  const known = new Set(values);
  return (resource) => {
    const found = read(resource);
    return found !== undefined && known.has(found);
  };
}
