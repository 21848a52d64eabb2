import { all, anchorTest, nameOf, parseQuery, type Anchor, type Query, type Test } from './query.js';
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
  const asked: Query = query === undefined ? { fixed: undefined, anchors: [], rest: undefined, ofKinds: undefined } : parseQuery(query);
  const fixed: (Test | undefined)[] = [
    organization === undefined ? undefined : (resource) => resource.organization === organization,
    types && oneOf(types, ({ type }) => type),
    dataClasses && oneOf(dataClasses, ({ dataClass }) => dataClass),
    asked.fixed,
  ];
  const named: (Anchor | undefined)[] = [
    subjects && { field: 'subject', whole: new Set(subjects), prefixes: [] },
    resources && { field: 'name', whole: new Set(resources.map(({ type, id }) => nameOf(type, id))), prefixes: [] },
    ...asked.anchors,
  ];
  const timed: (Test | undefined)[] = [
    createdFromMs === undefined ? undefined : ({ createdMs }) => createdMs >= createdFromMs,
    createdBeforeMs === undefined ? undefined : ({ createdMs, oldestMs = createdMs }) => oldestMs < createdBeforeMs,
  ];
  const those = (tests: readonly (Test | undefined)[]): Test | undefined => all(tests.filter((test) => test !== undefined));
  return { fixed: those(fixed), anchors: named.filter((anchor) => anchor !== undefined), rest: those([...timed, asked.rest]), ofKinds: those([...timed, asked.ofKinds]) };
}

export function covers(hold: Pick<Hold, 'organization' | 'scope'>, resource: Resource): boolean {
  const { fixed, anchors, rest } = coverageOf(hold);
  return (fixed?.(resource) ?? true) && anchors.every((anchor) => anchorTest(anchor)(resource)) && (rest?.(resource) ?? true);
}

/** Things of one type and class, whose ids, ends and last uses nobody has asked for. */
export interface Kind {
  readonly organization: string;
  readonly type: string;
  readonly dataClass: string;
  /** About whom they are, each about one of them. */
  readonly subjects: readonly string[];
  /** None was created before; undefined: nobody knows. */
  readonly oldestMs?: number;
}

/** Whether a hold may cover one of these things, now or one that is added. False is certain. Throws RetentionRulesFault QUERY_MALFORMED. */
export function mayCover(hold: Pick<Hold, 'organization' | 'scope'>, { organization, type, dataClass, subjects, oldestMs = -Infinity }: Kind): boolean {
  const { fixed, anchors, ofKinds } = coverageOf(hold);
  const may = (anchor: Anchor, thing: Resource): boolean => {
    if (anchor.field === 'name') return [...anchor.whole].some((name) => name.startsWith(nameOf(type, '')));
    return anchor.field === 'id' || anchorTest(anchor)(thing);
  };
  return subjects.some((subject) => {
    const thing: Resource = { organization, type, id: '', dataClass, subject, createdMs: Infinity, oldestMs };
    return (fixed?.(thing) ?? true) && anchors.every((anchor) => may(anchor, thing)) && (ofKinds?.(thing) ?? true);
  });
}

function oneOf(values: readonly string[], read: (resource: Resource) => string): Test {
  const known = new Set(values);
  return (resource) => known.has(read(resource));
}
