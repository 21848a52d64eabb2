import type { IncidentAssessment, IncidentStageName, StageState } from '@countersign/contracts';
import { INCIDENT_STAGES, incidentClock, OWN_LIMITS } from '@countersign/legal-clock';

/** Whose rule a stage is, as metrics and people name it. */
export const STAGE_LAWS: Readonly<Record<IncidentStageName, string>> = {
  'early-warning': 'NIS2 art. 23(4)(a)',
  notification: 'NIS2 art. 23(4)(b)',
  'final-report': 'NIS2 art. 23(4)(d)',
  'breach-notification': 'GDPR art. 33(1)',
  organizations: 'GDPR art. 33(2)',
  subjects: 'GDPR art. 34(1)',
};

export interface Settled {
  readonly state: 'done' | 'waived';
  readonly atMs: number;
  readonly isLate: boolean;
}

/** What the stages of an incident follow from. */
export interface StageFacts {
  readonly assessment: IncidentAssessment;
  readonly awareAtMs: number;
  readonly timeZone: string;
  /** How many organisations it affects. */
  readonly tenants: number;
  readonly settled: Readonly<Partial<Record<IncidentStageName, Settled>>>;
}

export interface JudgedStage {
  readonly stage: IncidentStageName;
  readonly state: StageState;
  readonly because: string;
  /** The first instant that is too late. */
  readonly dueAtMs: number;
}

/** Every stage: whether it is owed, why, and until when. What is not known counts as if it were so: a clock that nobody started cannot be met. */
export function stagesOf(facts: StageFacts): readonly JudgedStage[] {
  const { assessment, tenants, settled, awareAtMs, timeZone } = facts;
  const notification = settled.notification;
  const clock = incidentClock(awareAtMs, notification?.state === 'done' ? notification.atMs : undefined, timeZone);
  return INCIDENT_STAGES.map((stage) => {
    const { isOwed, because } = owed(stage, assessment, tenants);
    const state = settled[stage]?.state ?? (isOwed ? 'open' : 'not-owed');
    return { stage, state, because, dueAtMs: clock[stage] };
  });
}

interface Owed {
  readonly isOwed: boolean;
  readonly because: string;
}

const yes = (because: string): Owed => ({ isOwed: true, because });
const no = (because: string): Owed => ({ isOwed: false, because });

function owed(stage: IncidentStageName, { significant, personalData, risk }: IncidentAssessment, tenants: number): Owed {
  if (stage === 'early-warning' || stage === 'notification' || stage === 'final-report') {
    if (significant === 'no') return no('the incident is not significant');
    return yes(significant === 'yes' ? 'the incident is significant' : 'nobody has said yet whether it is significant');
  }
  if (personalData === 'no') return no('no personal data was breached');
  const unsure = personalData === 'unknown' ? 'nobody has said yet whether personal data was breached' : undefined;
  if (stage === 'organizations') return tenants === 0 ? no('no organisation is affected') : yes(unsure ?? 'data of organisations was breached');
  if (risk === 'unlikely') return no('a risk to anybody is unlikely');
  if (stage === 'subjects' && risk === 'risk') return no('the risk is not high');
  return yes(unsure ?? (risk === 'unknown' ? 'nobody has said yet how high the risk is' : risk === 'high' ? 'the risk to persons is high' : 'there is a risk to persons'));
}

export const isOwnLimit = (stage: IncidentStageName): boolean => OWN_LIMITS.has(stage);
