import { DRY_RUN_GROUPS_MAX, DRY_RUN_REASONS_MAX, DRY_RUN_RESOURCES_MAX, DRY_RUN_SAMPLES_ALIKE_MAX, DRY_RUN_SAMPLES_MAX, type DryRunGroup, type DryRunPart, type DryRunSample, type HeldResource, type RetentionOutcome } from '@countersign/contracts';
import type { Outcome } from '@countersign/retention-rules';
import { timeOf, told } from './told.js';

type Group = { -readonly [K in keyof DryRunGroup]: DryRunGroup[K] };

/** Counts how resources fare before and after a change, and keeps a few of those that fare otherwise. */
export class Tally {
  readonly #groups = new Map<string, Group>();
  readonly #samples: DryRunSample[] = [];
  readonly #unanswered: { readonly type: string; readonly holder: string }[] = [];
  #resources = 0;
  #dueAtOnce = 0;
  #firstDueBeforeMs = Infinity;
  #firstDueAfterMs = Infinity;

  /** @param isTenantTold whether samples say whose they are */
  constructor(private readonly isTenantTold: boolean) {}

  /** Enough for one part. */
  get isFull(): boolean {
    return this.#resources >= DRY_RUN_RESOURCES_MAX || this.#groups.size >= DRY_RUN_GROUPS_MAX;
  }

  add(resource: HeldResource, before: Outcome, after: Outcome): void {
    this.#resources += 1;
    if (before.verdict !== 'due' && after.verdict === 'due') this.#dueAtOnce += 1;
    this.#firstDueBeforeMs = Math.min(this.#firstDueBeforeMs, waitsUntil(before));
    this.#firstDueAfterMs = Math.min(this.#firstDueAfterMs, waitsUntil(after));
    const group = this.#groupOf(resource, before, after);
    group.count += 1;
    if (before.verdict === after.verdict && before.action === after.action && before.untilMs === after.untilMs) return;
    group.changed += 1;
    if (group.changed <= DRY_RUN_SAMPLES_ALIKE_MAX && this.#samples.length < DRY_RUN_SAMPLES_MAX) this.#samples.push(this.#sampleOf(resource, before, after));
  }

  /** Nothing is known of what is left of this type. */
  unanswered({ type, holder }: { readonly type: string; readonly holder: string }): void {
    this.#unanswered.push({ type, holder });
  }

  part(rules: string, next: string | undefined): Omit<DryRunPart, 'needsApproval'> {
    return {
      rules,
      resources: this.#resources,
      groups: [...this.#groups.values()],
      dueAtOnce: this.#dueAtOnce,
      firstDueBefore: timeOf(finite(this.#firstDueBeforeMs)),
      firstDueAfter: timeOf(finite(this.#firstDueAfterMs)),
      samples: this.#samples,
      unanswered: this.#unanswered,
      isComplete: next === undefined && this.#unanswered.length === 0,
      next,
    };
  }

  #groupOf({ type, class: dataClass }: HeldResource, { verdict: before }: Outcome, { verdict: after }: Outcome): Group {
    const name = `${type} ${dataClass} ${before} ${after}`;
    const group = this.#groups.get(name) ?? { type, class: dataClass, before, after, count: 0, changed: 0 };
    this.#groups.set(name, group);
    return group;
  }

  #sampleOf({ type, id, tenant, class: dataClass }: HeldResource, before: Outcome, after: Outcome): DryRunSample {
    return { type, id, ...(this.isTenantTold ? { tenant } : {}), class: dataClass, before: shortly(before), after: shortly(after) };
  }
}

const waitsUntil = ({ verdict, untilMs = Infinity }: Outcome): number => (verdict === 'waiting' ? untilMs : Infinity);
const finite = (ms: number): number | undefined => (ms === Infinity ? undefined : ms);

function shortly(outcome: Outcome): RetentionOutcome {
  return told({ ...outcome, reasons: outcome.reasons.slice(0, DRY_RUN_REASONS_MAX) });
}
