import type { IncidentStageView, IncidentView } from '@countersign/contracts';

/** Incidents as people read them. */

export const incidentLine = ({ incidentId, state, severity, kind, summary, awareAt, nextDueAt, tenants, subjects }: IncidentView): string =>
  [incidentId, state, severity, kind, `known since ${awareAt}`, nextDueAt === undefined ? 'nothing due' : `next due ${nextDueAt}`, `${tenants} organisations, ${subjects} persons`, summary].join('  ');

export function stageLine({ stage, state, law, isOwnLimit, dueAt, isLate, because, settledAt, sentTo, reference, reason, version }: IncidentStageView): string {
  if (state === 'not-owed') return `  ${stage}  not owed: ${because}  (${law})`;
  if (state === 'open') return `  ${stage}  ${isLate ? 'LATE' : 'open'}  due ${dueAt}${isOwnLimit ? ', by our own limit' : ''}: ${because}  (${law})`;
  const details = [sentTo === undefined ? undefined : `to ${sentTo}`, reference, version === undefined ? undefined : `version ${version}`, reason].filter((part) => part !== undefined);
  return `  ${stage}  ${state}${isLate ? ' late' : ''} ${settledAt ?? ''}  ${details.join(', ')}  (${law})`;
}

export const incidentLines = ({ incident, stages }: { readonly incident: IncidentView; readonly stages: readonly IncidentStageView[] }): string[] => [incidentLine(incident), ...stages.map(stageLine)];
