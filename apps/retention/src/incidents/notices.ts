import { readFileSync } from 'node:fs';
import type { IncidentKind, IncidentStageName, IncidentStageView, IncidentView } from '@countersign/contracts';

/** Drafts of notices: data files with `{{facts}}` and `[[places that a person fills in]]`. */
const FOLDER = new URL('../../templates/incidents/', import.meta.url);
const PARTS = /\{\{(\w+)\}\}/g;
const OPEN_PLACE = /\[\[[^\]]+\]\]/g;

const KINDS: Readonly<Record<IncidentKind, string>> = {
  'ledger-integrity': 'integrity of a record of audit events',
  'unauthorised-access': 'unauthorised access',
  disclosure: 'disclosure of data',
  loss: 'loss of data',
  malware: 'malicious software',
  availability: 'loss of availability',
  other: 'security incident',
};

export interface NoticeFacts {
  readonly incident: IncidentView;
  readonly stages: readonly IncidentStageView[];
  readonly stage: IncidentStageName;
  /** Of a notice to one organisation: its name, and how many of its persons are affected. */
  readonly organization?: { readonly name: string; readonly subjects: number } | undefined;
}

export interface Notice {
  readonly text: string;
  /** Places that nobody has filled in. */
  readonly openPlaces: number;
}

/** The text of a stage's template with what is on record; what is not is an open place. Throws Error for a fact that no template may name. */
export function noticeOf(facts: NoticeFacts): Notice {
  const known = factsOf(facts);
  // One pass: what a fact says is text, whatever is in it.
  const text = templateOf(facts.stage).replace(PARTS, (_all, name: string) => {
    if (!Object.hasOwn(known, name)) throw new Error(`the template of ${facts.stage} names ${name}, which nobody knows`);
    return known[name] ?? `[[${name}: not on record]]`;
  });
  return worded(text);
}

export const worded = (text: string): Notice => ({ text, openPlaces: text.match(OPEN_PLACE)?.length ?? 0 });

const texts = new Map<IncidentStageName, string>();

function templateOf(stage: IncidentStageName): string {
  const text = texts.get(stage) ?? readFileSync(new URL(`${stage}.txt`, FOLDER), 'utf8');
  texts.set(stage, text);
  return text;
}

function factsOf({ incident, stages, stage, organization }: NoticeFacts): Readonly<Record<string, string | undefined>> {
  const sent = (name: IncidentStageName): IncidentStageView | undefined => stages.find((one) => one.stage === name && one.state === 'done');
  const { incidentId, kind, severity, summary, detectedAt, awareAt, assessment: { significant, risk }, tenants, subjects } = incident;
  return {
    incidentId, severity, summary, detectedAt, awareAt,
    kind: KINDS[kind],
    significant: significant === 'unknown' ? undefined : significant,
    risk: risk === 'unknown' ? undefined : risk,
    tenants: String(tenants),
    subjects: subjects === 0 ? undefined : String(subjects),
    dueAt: stages.find((one) => one.stage === stage)?.dueAt,
    earlyWarningAt: sent('early-warning')?.settledAt,
    notificationAt: sent('notification')?.settledAt,
    notificationReference: sent('notification')?.reference,
    subjectsInformedAt: sent('subjects')?.settledAt,
    organization: organization?.name,
    organizationSubjects: organization === undefined || organization.subjects === 0 ? undefined : String(organization.subjects),
  };
}
