import { seeded } from '@countersign/devstack';
import { Rules, type Hold, type Policy, type Resource, type ResourceType, type Verdict } from '@countersign/retention-rules';

/** How much is judged. */
export interface RulesScale {
  readonly rounds: number;
  readonly resources: number;
  readonly policies: number;
  readonly holds: number;
}

export interface RulesTook {
  readonly seconds: number;
  /** Of this process, above what it had before the first resource. */
  readonly memoryMiB: number;
  readonly verdicts: ReadonlyMap<Verdict, number>;
}

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-22T12:00:00Z');
const SEED = 20_261_122;
const CLASSES = ['contact', 'content', 'attachment', 'financial', 'legal', 'security', 'operational'];
const TYPES: readonly ResourceType[] = Array.from({ length: 40 }, (_, at) => ({ type: `type-${at}`, clock: (['created', 'closed', 'last-used'] as const)[at % 3]!, actions: ['delete', 'scrub'] }));
const SUBJECTS = 100_000;
const MEMORY_EVERY = 10_000;
const MIB = 1024 * 1024;

/** `one`: everything is of one organisation, so that every policy and every hold may speak of every resource, and every hold is a query about times and subjects. */
export type Spread = 'many' | 'one';

/** Judges resources, which are made one by one and kept by nobody, under policies and holds that are ready at hand. */
export function judge({ resources, policies, holds }: RulesScale, spread: Spread): RulesTook {
  const random = seeded(SEED);
  const rules = new Rules({ policies: policiesOf(policies, spread, random), holds: holdsOf(holds, spread, random), types: TYPES, announceMs: 14 * DAY_MS }, NOW_MS);
  const verdicts = new Map<Verdict, number>();
  const before = process.memoryUsage().rss;
  let most = before;
  const startMs = performance.now();
  for (let at = 0; at < resources; at += 1) {
    const { verdict } = rules.outcomeOf(resourceOf(at, spread, random))!;
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (at % MEMORY_EVERY === 0) most = Math.max(most, process.memoryUsage().rss);
  }
  return { seconds: (performance.now() - startMs) / 1_000, memoryMiB: (most - before) / MIB, verdicts };
}

const pick = <T>(list: readonly T[], random: () => number): T => list[Math.floor(random() * list.length)]!;
const organizationOf = (spread: Spread, random: () => number): string => (spread === 'one' ? 'acme' : `organization-${Math.floor(random() * 20)}`);
const daysAgo = (most: number, random: () => number): number => NOW_MS - Math.floor(random() * most) * DAY_MS;

function resourceOf(at: number, spread: Spread, random: () => number): Resource {
  const createdMs = daysAgo(4_000, random);
  return {
    organization: organizationOf(spread, random),
    type: pick(TYPES, random).type,
    id: `r${at}`,
    dataClass: pick(CLASSES, random),
    subject: `subject-${Math.floor(random() * SUBJECTS)}`,
    createdMs,
    ...(random() < 0.7 ? { closedMs: createdMs + Math.floor(random() * 400) * DAY_MS } : {}),
    ...(random() < 0.5 ? { lastUsedMs: createdMs + Math.floor(random() * 400) * DAY_MS } : {}),
  };
}

function policiesOf(count: number, spread: Spread, random: () => number): Policy[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `p${at}`,
    version: 1,
    ...(random() < 0.8 ? { organization: organizationOf(spread, random) } : {}),
    ...(random() < 0.7 ? { type: pick(TYPES, random).type } : {}),
    ...(random() < 0.5 ? { dataClass: pick(CLASSES, random) } : {}),
    ...(random() < 0.6 ? { keep: { years: Math.floor(random() * 10), months: Math.floor(random() * 12) } } : {}),
    ...(random() < 0.1 ? { byLaw: 'a law' } : {}),
    dispose: { after: { years: Math.floor(random() * 10), days: Math.floor(random() * 30) }, action: random() < 0.5 ? 'delete' : 'scrub' },
  }));
}

function holdsOf(count: number, spread: Spread, random: () => number): Hold[] {
  return Array.from({ length: count }, (_, at) => ({ id: `h${at}`, organization: organizationOf(spread, random), placedMs: daysAgo(300, random), scope: scopeOf(at, spread, random) }));
}

function scopeOf(at: number, spread: Spread, random: () => number): Hold['scope'] {
  const query = `subject:subject-${Math.floor(random() * 1_000)}*|nobody created>=${new Date(daysAgo(4_000, random)).toISOString().slice(0, 10)}`;
  if (spread === 'one') return { query };
  if (at % 4 === 0) return { resources: Array.from({ length: 100 }, () => ({ type: pick(TYPES, random).type, id: `r${Math.floor(random() * 1_000_000)}` })) };
  if (at % 4 === 1) return { types: [pick(TYPES, random).type], createdBeforeMs: daysAgo(4_000, random) };
  return at % 4 === 2 ? { query } : { subjects: Array.from({ length: 100 }, () => `subject-${Math.floor(random() * SUBJECTS)}`) };
}
