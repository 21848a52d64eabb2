import type { HoldView, ProposalView, RetentionOutcome, RetentionPolicyView, RetentionRule, SubjectRequestView } from '@countersign/contracts';

/** Retention's answers as people read them. */

type Period = Exclude<RetentionRule['keep'], 'for-ever' | undefined>;

const VERDICTS: Readonly<Record<RetentionOutcome['verdict'], string>> = {
  held: 'held: nothing destroys it',
  kept: 'kept',
  announced: 'due, and announced first: a hold on it was released lately',
  waiting: 'waits to be destroyed',
  due: 'due',
  blocked: 'due, but its owner does not offer the action',
  unruled: 'stays: no policy disposes of it',
};

export function outcomeLines({ verdict, action, until, reasons }: RetentionOutcome): string[] {
  const head = [VERDICTS[verdict], action === undefined ? '' : `to ${action}`, until === undefined ? '' : `until ${until}`].filter((part) => part !== '').join(' ');
  return [head, ...reasons.map(({ code, id, version, at, byLaw }) => `  ${[code, id, version === undefined ? undefined : `version ${version}`, at, byLaw].filter((part) => part !== undefined).join('  ')}`)];
}

export const policyLines = ({ policyId, version, rule, setBy, approvedBy, changedAt }: RetentionPolicyView): string[] => [
  `${policyId}  version ${version}  ${ruleText(rule)}`,
  `  set by ${setBy}${approvedBy === undefined ? '' : `, approved by ${approvedBy}`}, ${changedAt}`,
];

export const proposalLine = ({ proposalId, policyId, rule, proposedBy, expiresAt }: ProposalView): string =>
  `waits for a second person until ${expiresAt}: ${proposalId}  ${policyId}  ${rule === undefined ? 'removed' : ruleText(rule)}, proposed by ${proposedBy}`;

export const holdLine = ({ holdId, state, matter, placedAt, releasedAt, scope }: HoldView): string => `${holdId}  ${state}  ${placedAt}${releasedAt === undefined ? '' : ` to ${releasedAt}`}  ${matter}  ${JSON.stringify(scope)}`;

function ruleText({ name, type, class: dataClass, keep, byLaw, dispose }: RetentionRule): string {
  const parts = [keep === undefined ? '' : `keep ${keep === 'for-ever' ? 'for ever' : periodText(keep)}`, byLaw === undefined ? '' : `by law (${byLaw})`, dispose === undefined ? '' : `${dispose.action} after ${periodText(dispose.after)}`];
  return `${name}: ${type ?? 'every type'}, ${dataClass ?? 'every class'}: ${parts.filter((part) => part !== '').join(', ')}`;
}

const periodText = (period: Period): string => Object.entries(period).flatMap(([unit, count]) => (count === undefined ? [] : [`${count} ${unit}`])).join(' ');

/** What the edge answers when a hold is placed. */
export interface PlacedHold {
  readonly holdId: string;
  readonly inForceSince: string;
  readonly goneBefore?: readonly RecalledOrder[];
  readonly undecided?: readonly (RecalledOrder & { readonly voidAt: string })[];
}

interface RecalledOrder {
  readonly order: string;
  readonly type: string;
  readonly resources: number;
}

export function placedLines({ holdId, inForceSince, goneBefore = [], undecided = [] }: PlacedHold): string[] {
  return [
    `hold ${holdId} in force since ${inForceSince}`,
    ...goneBefore.map(({ order, type, resources }) => `  gone before: ${resources} of ${type}, order ${order}`),
    ...undecided.map(({ order, type, resources, voidAt }) => `  not known yet: ${resources} of ${type}, order ${order}, void at ${voidAt}`),
  ];
}

export const requestLine = ({ requestId, kind, law, state, tenant, subject, dueAt, isOverdue, closedAt }: SubjectRequestView): string =>
  `${requestId}  ${kind}  ${state}  ${closedAt === undefined ? `due ${dueAt}${isOverdue ? ' OVERDUE' : ''}` : `closed ${closedAt}`}  ${law}  ${tenant}/${subject}`;

export const requestLines = (request: SubjectRequestView): string[] => [
  requestLine(request),
  `  received ${request.receivedAt}${request.isExtended ? ', extended' : ''}`,
  ...(request.reason === undefined ? [] : [`  ${request.reason}`]),
  ...(request.file === undefined ? [] : [`  export of ${request.file.bytes} bytes, until ${request.file.until}`]),
  ...(request.kept ?? []).map(({ holder, type, class: dataClass, reason, until }) => `  kept: ${holder} ${type} (${dataClass})${until === undefined ? '' : ` until ${until}`}: ${reason}`),
];
