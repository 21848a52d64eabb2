import { isInForce, type Hold } from './hold.js';
import type { Outcome, Reason, Verdict } from './outcome.js';
import { endOfPeriod } from './period.js';
import { explicitness, type Policy } from './policy.js';
import { isRestricted, type Restriction } from './restriction.js';
import { clockStartOf, type Action, type Resource, type ResourceType } from './resource.js';

/** Somebody has asked that everything about him be erased. */
export interface Erasure {
  readonly id: string;
  readonly atMs: number;
}

/** Everything that speaks of one resource. What does not speak of it must not be in here. */
export interface Matter {
  readonly resource: Resource;
  readonly type: ResourceType;
  readonly policies: readonly Policy[];
  /** In force, released, or yet to be placed: each counts at its own time. */
  readonly holds: readonly Hold[];
  readonly erasure?: Erasure;
  /** Of its subject: each counts at its own time. */
  readonly restrictions?: readonly Restriction[];
  /** After a hold's release nothing that it covered is destroyed for so long. */
  readonly announceMs: number;
}

/** What erasure does, the first that is offered. */
const ERASES: readonly Action[] = ['delete', 'shred', 'scrub'];

interface Keep {
  readonly policy: Policy;
  /** Undefined: without end, or it has not begun to run. */
  readonly untilMs: number | undefined;
  /** By which keeps are compared: its end, or where it would be if it ran already. */
  readonly lengthMs: number;
}

interface Disposal {
  readonly reason: Reason;
  readonly atMs: number;
  readonly action: Action;
}

/** What holds at `nowMs`, and why: hold over restriction, that over keeping, keeping over disposal; the longest keeping; of disposals the most explicit, then the shortest. */
export function evaluate(matter: Matter, nowMs: number): Outcome {
  const held = holdsAt(matter, nowMs);
  const restricted = restrictionsAt(matter, nowMs);
  const kept = keepsAt(matter, nowMs);
  const disposals = disposalsAt(matter, nowMs);
  const { verdict, untilMs, action, first } = decideAmong({ held, restricted, kept, disposals, matter, nowMs });
  const others = [...held.reasons, ...restricted.reasons, ...kept.reasons, ...held.lately, ...disposals.reasons].filter((reason) => reason !== first);
  return {
    verdict,
    ...(action === undefined ? {} : { action }),
    ...earliest(untilMs, held.changesMs, restricted.changesMs),
    reasons: first === undefined ? others : [first, ...others],
  };
}

interface Found {
  readonly held: ReturnType<typeof holdsAt>;
  readonly restricted: ReturnType<typeof restrictionsAt>;
  readonly kept: ReturnType<typeof keepsAt>;
  readonly disposals: ReturnType<typeof disposalsAt>;
  readonly matter: Matter;
  readonly nowMs: number;
}

interface Decided {
  readonly verdict: Verdict;
  readonly untilMs?: number | undefined;
  readonly action?: Action;
  readonly first: Reason | undefined;
}

function decideAmong({ held, restricted, kept, disposals, matter, nowMs }: Found): Decided {
  if (held.reasons.length > 0) return { verdict: 'held', first: held.reasons[0] };
  if (restricted.reasons.length > 0) return { verdict: 'held', first: restricted.reasons[0] };
  if (kept.longest !== undefined) return { verdict: 'kept', untilMs: kept.longest.untilMs, first: kept.reasons[0] };
  const { chosen } = disposals;
  if (chosen === undefined) return { verdict: disposals.isOpen ? 'waiting' : 'unruled', first: disposals.reasons[0] };
  if (chosen.atMs > nowMs) return { verdict: 'waiting', untilMs: chosen.atMs, first: chosen.reason };
  if (!matter.type.actions.includes(chosen.action)) return { verdict: 'blocked', first: { ...chosen.reason, code: 'ACTION_NOT_OFFERED' } };
  if (held.announcedMs !== undefined) return { verdict: 'announced', untilMs: held.announcedMs, first: held.lately[0] };
  return { verdict: 'due', action: chosen.action, first: chosen.reason };
}

/** Those in force, the oldest first; and those released so lately that what they covered is still announced, the latest first. */
function holdsAt({ holds, announceMs, erasure }: Matter, nowMs: number) {
  const inForce = holds.filter((hold) => isInForce(hold, nowMs)).sort((a, b) => a.placedMs - b.placedMs || byId(a, b));
  const lately = holds.filter(({ releasedMs }) => releasedMs !== undefined && releasedMs <= nowMs && nowMs < releasedMs + announceMs).sort((a, b) => b.releasedMs! - a.releasedMs! || byId(a, b));
  const ahead = holds.flatMap(({ placedMs, releasedMs }) => [placedMs, releasedMs]).concat(erasure?.atMs).filter((atMs) => atMs !== undefined && atMs > nowMs) as number[];
  return {
    reasons: inForce.map(({ id, placedMs }): Reason => ({ code: 'HOLD_IN_FORCE', id, atMs: placedMs })),
    lately: lately.map(({ id, releasedMs }): Reason => ({ code: 'HOLD_RELEASED_LATELY', id, atMs: releasedMs! + announceMs })),
    announcedMs: lately[0] === undefined ? undefined : lately[0].releasedMs! + announceMs,
    /** When one of them, or a request, begins or ends: the future is known to whoever looks back. */
    changesMs: ahead.length === 0 ? undefined : Math.min(...ahead),
  };
}

/** Those that stand, the oldest first. */
function restrictionsAt({ restrictions = [], erasure }: Matter, nowMs: number) {
  const standing = restrictions.filter((one) => isRestricted(one, erasure, nowMs)).sort((a, b) => a.sinceMs - b.sinceMs || byId(a, b));
  const ahead = restrictions.flatMap(({ sinceMs, untilMs }) => [sinceMs, untilMs]).filter((atMs) => atMs !== undefined && atMs > nowMs) as number[];
  return {
    reasons: standing.map(({ id, untilMs }): Reason => ({ code: 'SUBJECT_RESTRICTED', id, ...(untilMs === undefined ? {} : { atMs: untilMs }) })),
    changesMs: ahead.length === 0 ? undefined : Math.min(...ahead),
  };
}

function keepsAt({ resource, type, policies, erasure }: Matter, nowMs: number) {
  const startMs = clockStartOf(resource, type.clock);
  const isErased = erasure !== undefined && erasure.atMs <= nowMs;
  const running = policies
    .flatMap((policy): Keep[] => (policy.keep === undefined ? [] : [keepOf(policy, policy.keep, startMs, resource)]))
    .filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs)
    .sort((a, b) => longer(a, b) || byLaw(a.policy, b.policy) || byId(a.policy, b.policy));
  const counting = running.filter(({ policy }) => !isErased || policy.byLaw !== undefined);
  const [longest] = counting;
  const codeOf = (keep: Keep): Reason['code'] => {
    if (isErased && keep.policy.byLaw === undefined) return 'KEEP_ENDED_BY_ERASURE';
    if (keep !== longest) return 'SHORTER_KEEP';
    return keep.policy.byLaw === undefined ? 'LONGEST_KEEP' : 'KEPT_BY_LAW';
  };
  const reasons = [...counting, ...running.filter((keep) => !counting.includes(keep))].map((keep): Reason => {
    const { policy: { id, version, byLaw: law }, untilMs } = keep;
    return { code: codeOf(keep), id, version, ...(untilMs === undefined ? {} : { atMs: untilMs }), ...(law === undefined ? {} : { byLaw: law }) };
  });
  return { longest, reasons };
}

function keepOf(policy: Policy, keep: NonNullable<Policy['keep']>, startMs: number | undefined, { createdMs }: Resource): Keep {
  if (keep === 'for-ever') return { policy, untilMs: undefined, lengthMs: Infinity };
  return { policy, untilMs: startMs === undefined ? undefined : endOfPeriod(startMs, keep), lengthMs: endOfPeriod(startMs ?? createdMs, keep) };
}

function disposalsAt({ resource, type, policies, erasure }: Matter, nowMs: number) {
  const startMs = clockStartOf(resource, type.clock);
  const disposing = policies.filter(({ dispose }) => dispose !== undefined);
  const closest = Math.max(...disposing.map(explicitness));
  const timed = (startMs === undefined ? [] : disposing).map((policy) => ({ policy, rank: explicitness(policy), atMs: endOfPeriod(startMs!, policy.dispose!.after) }));
  timed.sort((a, b) => b.rank - a.rank || a.atMs - b.atMs || mildest(a.policy, b.policy) || byId(a.policy, b.policy));
  const ruled = timed.map(({ policy: { id, version, dispose }, rank, atMs }, at): Disposal => {
    const code = rank < closest ? 'LESS_EXPLICIT' : at === 0 ? 'DISPOSAL' : 'LONGER_DISPOSAL';
    return { atMs, action: dispose!.action, reason: { code, id, version, atMs, action: dispose!.action } };
  });
  const all = [...erasureOf(erasure, type, nowMs), ...ruled];
  const isOpen = startMs === undefined && disposing.length > 0;
  const none: Reason[] = all.length > 0 ? [] : [{ code: isOpen ? 'CLOCK_NOT_STARTED' : 'NO_DISPOSAL' }];
  return { chosen: all[0], isOpen, reasons: [...all.map(({ reason }) => reason), ...none] };
}

/** The subject's wish is the most explicit disposal of all, and due at once. */
function erasureOf(erasure: Erasure | undefined, { actions }: ResourceType, nowMs: number): Disposal[] {
  if (erasure === undefined || erasure.atMs > nowMs) return [];
  const action = ERASES.find((one) => actions.includes(one)) ?? 'delete';
  return [{ atMs: erasure.atMs, action, reason: { code: 'ERASURE_REQUESTED', id: erasure.id, atMs: erasure.atMs, action } }];
}

const longer = (a: Keep, b: Keep): number => (a.lengthMs === b.lengthMs ? 0 : b.lengthMs - a.lengthMs);

/** Two policies that are alike in all that counts must not make the outcome depend on their order. */
const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const byLaw = (a: Policy, b: Policy): number => Number(b.byLaw !== undefined) - Number(a.byLaw !== undefined);
const MILD: Readonly<Record<Action, number>> = { scrub: 0, shred: 1, delete: 2 };
const mildest = (a: Policy, b: Policy): number => MILD[a.dispose!.action] - MILD[b.dispose!.action];

function earliest(...instants: readonly (number | undefined)[]): { readonly untilMs?: number } {
  const known = instants.filter((instant) => instant !== undefined);
  return known.length === 0 ? {} : { untilMs: Math.min(...known) };
}
