/** How grave an event is: the table (requirement A5). `severityOf` reads it; docs/spec/access.md repeats it. */

/** From mild to grave, as in the ledger format. */
export const SEVERITIES = ['info', 'notice', 'warning', 'alert'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type Outcome = 'success' | 'failure' | 'denied';

export interface SeverityRule {
  /** Stable: counters are kept under it. */
  readonly id: string;
  /** Event types: dotted words, `*` stands for one word or, at the end, for one or more. */
  readonly types: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Only from so many such events within the window, this one included, of one actor, one address or one resource. */
  readonly repeats?: { readonly atLeast: number; readonly withinMs: number; readonly of: 'actor' | 'address' | 'resource' };
  readonly severity: Severity;
  readonly why: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const FAILED = ['failure', 'denied'] as const;
const ANY = ['success', 'failure', 'denied'] as const;
const SIGN_IN = ['identity.sign-in.failed', 'identity.sign-in.locked'] as const;
const STEP_UP = ['identity.session.stepped-up'] as const;

export const SEVERITY_RULES: readonly SeverityRule[] = [
  // whatever it is
  { id: 'refused', types: ['*'], outcomes: FAILED, severity: 'notice', why: 'What was tried and did not succeed is worth a look' },
  { id: 'refused-often', types: ['*'], outcomes: ['denied'], repeats: { atLeast: 10, withinMs: 10 * MINUTE_MS, of: 'actor' }, severity: 'warning', why: 'Somebody feels for what they may do' },
  { id: 'refused-relentlessly', types: ['*'], outcomes: ['denied'], repeats: { atLeast: 50, withinMs: HOUR_MS, of: 'actor' }, severity: 'alert', why: 'A stolen account or key is being tried out' },

  // signing in
  { id: 'sign-in-failed-again', types: SIGN_IN, outcomes: FAILED, repeats: { atLeast: 5, withinMs: 15 * MINUTE_MS, of: 'resource' }, severity: 'warning', why: 'Guessing at one account' },
  { id: 'sign-in-failed-all-day', types: SIGN_IN, outcomes: FAILED, repeats: { atLeast: 20, withinMs: 24 * HOUR_MS, of: 'resource' }, severity: 'alert', why: 'Guessing at one account, patiently' },
  { id: 'sign-in-failed-from-address', types: SIGN_IN, outcomes: FAILED, repeats: { atLeast: 20, withinMs: 15 * MINUTE_MS, of: 'address' }, severity: 'alert', why: 'Spraying: many accounts from one address' },
  { id: 'second-factor-failed-again', types: STEP_UP, outcomes: FAILED, repeats: { atLeast: 3, withinMs: 15 * MINUTE_MS, of: 'resource' }, severity: 'alert', why: 'Who guesses at the second factor has the first' },
  { id: 'locked', types: ['identity.sign-in.locked'], outcomes: ANY, severity: 'warning', why: 'Sign-in is shut after failures' },
  { id: 'code-replayed', types: ['identity.user.totp-replayed', 'identity.user.backup-code-reused'], outcomes: ANY, severity: 'alert', why: 'A code that was used is in a second pair of hands' },
  { id: 'backup-code-used', types: ['identity.user.backup-code-used'], outcomes: ['success'], severity: 'notice', why: 'The usual second factor was not at hand' },

  // what proves who somebody is
  { id: 'credential-changed', types: ['identity.user.password-changed', 'identity.user.password-reset', 'identity.user.totp-enrolled', 'identity.user.passkey-*', 'identity.user.backup-codes-made', 'identity.user.email-*'], outcomes: ['success'], severity: 'notice', why: 'The owner should recognise it' },
  { id: 'second-factor-gone', types: ['identity.user.totp-removed', 'identity.user.passkey-removed', 'identity.user.mfa-reset'], outcomes: ['success'], severity: 'warning', why: 'The account is weaker than it was' },
  { id: 'passkey-suspected', types: ['identity.user.passkey-suspected'], outcomes: ANY, severity: 'alert', why: 'There may be a copy of a passkey' },
  { id: 'key-made', types: ['identity.api-key.created', 'identity.service-account.*'], outcomes: ['success'], severity: 'notice', why: 'A new way in' },

  // power
  { id: 'role-changed', types: ['identity.user.role-*', 'identity.organization.*role*', 'identity.organization.member-*'], outcomes: ['success'], severity: 'notice', why: 'Somebody may do more, or less' },
  { id: 'account-shut', types: ['identity.user.disabled', 'identity.user.enabled', 'identity.organization.closed'], outcomes: ['success'], severity: 'notice', why: 'Somebody is shut out, or let in again' },
  { id: 'escalation-refused', types: ['identity.user.role-*', 'identity.organization.*role*', 'identity.api-key.created'], outcomes: ['denied'], severity: 'warning', why: 'Somebody tried to give what they do not hold' },
  { id: 'security-policy-changed', types: ['identity.policy.*', 'identity.organization.policy-*', 'identity.organization.federation-*'], outcomes: ['success'], severity: 'warning', why: 'The rules themselves have changed' },

  // attacks that a browser or a key tells
  { id: 'forged', types: ['edge.request.forged'], outcomes: ANY, severity: 'warning', why: 'A mutation without its CSRF token, or from a foreign site' },
  { id: 'limits-exceeded-often', types: ['edge.request.limited'], outcomes: ANY, repeats: { atLeast: 20, withinMs: 10 * MINUTE_MS, of: 'address' }, severity: 'warning', why: 'Not a person, and not a well-behaved program' },
];
