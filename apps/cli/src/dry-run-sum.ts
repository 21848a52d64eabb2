import type { DryRunGroup, DryRunPart } from '@countersign/contracts';
import { outcomeLines } from './retention-lines.js';

/** Of all parts of a dry run. */
export interface DryRunSum extends Omit<DryRunPart, 'next' | 'rules'> {
  readonly rules: string;
  /** A policy or a hold was changed while it was looked: the parts are not of one moment. */
  readonly rulesMoved: boolean;
}

/** Of all parts together; the first ones are told. */
const SAMPLES_MAX = 50;

export function added(sum: DryRunSum | undefined, part: Omit<DryRunPart, 'next'>): DryRunSum {
  if (sum === undefined) return { ...part, rulesMoved: false };
  const groups = new Map<string, DryRunGroup>();
  for (const group of [...sum.groups, ...part.groups]) {
    const { type, class: dataClass, before, after } = group;
    const name = [type, dataClass, before, after].join(' ');
    const known = groups.get(name);
    groups.set(name, known === undefined ? group : { ...known, count: known.count + group.count, changed: known.changed + group.changed });
  }
  return {
    ...part,
    ...earlier('firstDueBefore', sum, part),
    ...earlier('firstDueAfter', sum, part),
    resources: sum.resources + part.resources,
    dueAtOnce: sum.dueAtOnce + part.dueAtOnce,
    groups: [...groups.values()],
    samples: [...sum.samples, ...part.samples].slice(0, SAMPLES_MAX),
    unanswered: [...sum.unanswered, ...part.unanswered],
    // A part that is not the last one is never the whole; what did not answer in one of them is missing for ever.
    isComplete: part.isComplete && sum.unanswered.length === 0,
    rulesMoved: sum.rulesMoved || sum.rules !== part.rules,
  };
}

function earlier<N extends 'firstDueBefore' | 'firstDueAfter'>(name: N, a: Pick<DryRunPart, N>, b: Pick<DryRunPart, N>): Partial<Record<N, string>> {
  const [first] = [a[name], b[name]].filter((time) => time !== undefined).sort();
  return first === undefined ? {} : ({ [name]: first } as Partial<Record<N, string>>);
}

export function dryRunLines({ resources, dueAtOnce, needsApproval, groups, firstDueBefore, firstDueAfter, samples, unanswered, isComplete, rulesMoved }: DryRunSum): string[] {
  return [
    `${resources} resources looked at, ${dueAtOnce} due at once${needsApproval ? '; a second person has to agree' : ''}`,
    ...groups.map(({ type, class: dataClass, before, after, count, changed }) => `  ${type}  ${dataClass}  ${before} → ${after}  ${count}${changed === 0 ? '' : `, ${changed} of them otherwise than now`}`),
    `the first is due ${firstDueAfter ?? 'never'}; as the rules are ${firstDueBefore ?? 'never'}`,
    ...samples.flatMap(({ type, id, tenant, before, after }) => [`${type} ${id}${tenant === undefined ? '' : ` of ${tenant}`}`, ...outcomeLines(before).map((line) => `  now   ${line}`), ...outcomeLines(after).map((line) => `  then  ${line}`)]),
    ...unanswered.map(({ type, holder }) => `NOT COUNTED: ${type}: ${holder} does not answer`),
    ...(rulesMoved ? ['policies or holds were changed while it was looked: look again'] : []),
    ...(isComplete ? [] : ['this is only a part of what is held']),
  ];
}
