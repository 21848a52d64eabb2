import type { Outcome, Severity } from '@countersign/chain';

export interface Seen {
  readonly eventSource: string;
  readonly eventName: string;
  readonly identityType: string;
  readonly outcome: Outcome;
  readonly readOnly: boolean;
}

interface Rule {
  readonly severity: Severity;
  readonly when: (seen: Seen) => boolean;
}

/** Changes to what watches the account: trails, detectors, recorders, flow logs. */
const WATCHING = new Set([
  'StopLogging', 'StartLogging', 'DeleteTrail', 'UpdateTrail', 'CreateTrail', 'PutEventSelectors', 'DeleteEventDataStore',
  'DeleteDetector', 'UpdateDetector', 'StopConfigurationRecorder', 'DeleteConfigurationRecorder', 'DeleteFlowLogs', 'DisableSecurityHub',
  'LeaveOrganization',
]);
const IDENTITY_SOURCES = new Set(['iam.amazonaws.com', 'sso.amazonaws.com', 'rolesanywhere.amazonaws.com', 'identitystore.amazonaws.com']);

/** The first rule that fits decides; else `info`. */
const RULES: readonly Rule[] = [
  { severity: 'alert', when: ({ identityType, eventName }) => identityType === 'Root' && eventName === 'ConsoleLogin' },
  { severity: 'warning', when: ({ outcome }) => outcome === 'denied' },
  { severity: 'notice', when: ({ eventName }) => WATCHING.has(eventName) },
  { severity: 'notice', when: ({ eventSource, readOnly }) => IDENTITY_SOURCES.has(eventSource) && !readOnly },
  { severity: 'notice', when: ({ eventName }) => eventName === 'ConsoleLogin' },
];

export function severityOf(seen: Seen): Severity {
  return RULES.find(({ when }) => when(seen))?.severity ?? 'info';
}
