import type { JsonObject } from '@countersign/chain';
import type { DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';

/** Passkeys of one account. */
export const PASSKEYS_MAX = 10;

/** What proves, beside the password, who somebody is. */
export interface Factors {
  readonly totp: 'none' | 'pending' | 'enrolled';
  /** Of codes by SMS, which are no second factor. */
  readonly phone: 'none' | 'pending' | 'enrolled';
  /** Ids. */
  readonly passkeys: ReadonlySet<string>;
  /** Ids of codes that have not been used. */
  readonly backupCodes: ReadonlySet<string>;
}

export const NO_FACTORS: Factors = { totp: 'none', phone: 'none', passkeys: new Set(), backupCodes: new Set() };

export type FactorChange =
  | { readonly type: 'begin-totp' }
  | { readonly type: 'enrol-totp'; readonly backupCodeIds: readonly string[] }
  /** `isNeeded`: by a role that is held, or a policy. */
  | { readonly type: 'remove-totp'; readonly isNeeded: boolean }
  | { readonly type: 'begin-passkey' }
  /** With `backupCodeIds` when it is the first factor. */
  | { readonly type: 'add-passkey'; readonly passkeyId: string; readonly name: string; readonly algorithm: number; readonly backupCodeIds?: readonly string[] }
  | { readonly type: 'rename-passkey'; readonly passkeyId: string; readonly name: string }
  | { readonly type: 'remove-passkey'; readonly passkeyId: string; readonly isNeeded: boolean }
  /** Its counter went back: there may be a copy of it (WebAuthn L3 §6.1.1). */
  | { readonly type: 'suspect-passkey'; readonly passkeyId: string; readonly counter: number; readonly given: number }
  | { readonly type: 'use-backup-code'; readonly codeId: string }
  | { readonly type: 'make-backup-codes'; readonly backupCodeIds: readonly string[] }
  | { readonly type: 'begin-phone'; readonly phone: string }
  | { readonly type: 'enrol-phone' }
  | { readonly type: 'remove-phone' }
  | { readonly type: 'send-sms' }
  | { readonly type: 'reset-factors'; readonly reason: string };

const TYPES: ReadonlySet<string> = new Set<FactorChange['type']>([
  'begin-totp', 'enrol-totp', 'remove-totp', 'begin-passkey', 'add-passkey', 'rename-passkey', 'remove-passkey', 'suspect-passkey', 'use-backup-code',
  'make-backup-codes', 'begin-phone', 'enrol-phone', 'remove-phone', 'send-sms', 'reset-factors',
]);
export const isFactorChange = (command: { readonly type: string }): command is FactorChange => TYPES.has(command.type);

/** Is there one that lets somebody in? Backup codes stand in for one, and are none. */
export const isEnrolled = ({ totp, passkeys }: Factors): boolean => totp === 'enrolled' || passkeys.size > 0;

export interface FactorEvent extends Pick<DomainEvent, 'severity' | 'personal' | 'outcome'> {
  /** Type of the event without `identity.user.`. */
  readonly what: string;
  readonly data: JsonObject;
}

export function decideFactor(command: FactorChange, factors: Factors, userId: string): readonly FactorEvent[] {
  switch (command.type) {
    case 'begin-totp':
      if (factors.totp === 'enrolled') throw totpEnrolled();
      return [{ what: 'totp-begun', data: {} }];
    case 'enrol-totp':
      if (factors.totp === 'enrolled') throw totpEnrolled();
      if (factors.totp === 'none') throw new IdentityFault('TOTP_NOT_PENDING', 'no enrolment has been begun');
      return [notice('totp-enrolled', { backupCodeIds: command.backupCodeIds })];
    case 'remove-totp':
      if (factors.totp !== 'enrolled') throw new IdentityFault('TOTP_NOT_ENROLLED', 'there is no authenticator');
      keepOne({ ...factors, totp: 'none' }, command.isNeeded);
      return [{ what: 'totp-removed', data: {}, severity: 'warning' }];
    case 'use-backup-code':
      // The stream decides: two requests with one code meet here, and only one of them is first.
      if (!factors.backupCodes.has(command.codeId)) throw new IdentityFault('CODE_REFUSED', 'the code is wrong or has been used', { field: 'code' });
      return [notice('backup-code-used', { codeId: command.codeId, left: factors.backupCodes.size - 1 })];
    case 'make-backup-codes':
      if (!isEnrolled(factors)) throw new IdentityFault('MFA_NOT_ENROLLED', 'backup codes stand in for a second factor, and there is none');
      return [notice('backup-codes-made', { backupCodeIds: command.backupCodeIds })];
    case 'reset-factors':
      return [{ what: 'mfa-reset', data: { reason: command.reason, passkeys: factors.passkeys.size, hadTotp: factors.totp === 'enrolled' }, severity: 'warning' }];
    case 'begin-phone':
      return [{ what: 'phone-begun', data: {}, personal: [{ subject: userId, data: { phone: command.phone } }] }];
    case 'enrol-phone':
    case 'remove-phone':
    case 'send-sms':
      return [decidePhone(command.type, factors)];
    default:
      return decidePasskey(command, factors, userId);
  }
}

function decidePhone(type: 'enrol-phone' | 'remove-phone' | 'send-sms', { phone }: Factors): FactorEvent {
  if (phone === 'none' || (type === 'send-sms' && phone !== 'enrolled')) throw new IdentityFault('PHONE_NOT_ENROLLED', 'there is no telephone');
  if (type === 'send-sms') return { what: 'sms-sent', data: {} };
  return notice(type === 'enrol-phone' ? 'phone-enrolled' : 'phone-removed', {});
}

type PasskeyChange = Extract<FactorChange, { readonly type: 'begin-passkey' | 'add-passkey' | 'rename-passkey' | 'remove-passkey' | 'suspect-passkey' }>;

function decidePasskey(command: PasskeyChange, factors: Factors, userId: string): readonly FactorEvent[] {
  const { passkeys } = factors;
  const named = (name: string): Pick<FactorEvent, 'personal'> => ({ personal: [{ subject: userId, data: { name } }] });
  if (command.type === 'begin-passkey' || command.type === 'add-passkey') {
    if (passkeys.size >= PASSKEYS_MAX) throw new IdentityFault('PASSKEYS_TOO_MANY', `an account has at most ${PASSKEYS_MAX} passkeys`);
    if (command.type === 'begin-passkey') return [{ what: 'passkey-begun', data: {} }];
    const { passkeyId, algorithm, backupCodeIds, name } = command;
    return [{ ...notice('passkey-added', { passkeyId, algorithm, ...(backupCodeIds === undefined ? {} : { backupCodeIds }) }), ...named(name) }];
  }
  const { passkeyId } = command;
  if (!passkeys.has(passkeyId)) throw new IdentityFault('PASSKEY_UNKNOWN', 'there is no such passkey', { field: 'passkeyId' });
  switch (command.type) {
    case 'rename-passkey':
      return [{ what: 'passkey-renamed', data: { passkeyId }, ...named(command.name) }];
    case 'remove-passkey':
      keepOne({ ...factors, passkeys: without(passkeys, passkeyId) }, command.isNeeded);
      return [{ what: 'passkey-removed', data: { passkeyId }, severity: 'warning' }];
    case 'suspect-passkey':
      return [{ what: 'passkey-suspected', data: { passkeyId, counter: command.counter, given: command.given }, severity: 'alert', outcome: 'denied' }];
  }
}

/** @param what type of an event of the user without `identity.user.`; those that are about no factor change nothing */
export function evolveFactors(factors: Factors, what: string, data: JsonObject): Factors {
  const { passkeys, backupCodes } = factors;
  switch (what) {
    case 'totp-begun':
      return { ...factors, totp: 'pending' };
    case 'totp-enrolled':
      return { ...factors, totp: 'enrolled', backupCodes: codesOf(data) };
    case 'totp-removed':
      return settled({ ...factors, totp: 'none' });
    case 'passkey-added':
      return { ...factors, passkeys: new Set([...passkeys, data['passkeyId'] as string]), backupCodes: data['backupCodeIds'] === undefined ? backupCodes : codesOf(data) };
    case 'passkey-removed':
      return settled({ ...factors, passkeys: without(passkeys, data['passkeyId']) });
    case 'backup-code-used':
      return { ...factors, backupCodes: without(backupCodes, data['codeId']) };
    case 'backup-codes-made':
      return { ...factors, backupCodes: codesOf(data) };
    case 'phone-begun':
      return { ...factors, phone: 'pending' };
    case 'phone-enrolled':
      return { ...factors, phone: 'enrolled' };
    case 'phone-removed':
      return { ...factors, phone: 'none' };
    case 'mfa-reset':
      return NO_FACTORS;
    default:
      return factors;
  }
}

/** Whom a role obliges to have a second factor keeps one. Throws LAST_FACTOR. */
function keepOne(left: Factors, isNeeded: boolean): void {
  if (isNeeded && !isEnrolled(left)) throw new IdentityFault('LAST_FACTOR', 'your role, or your organisation, asks for a second factor: enrol another one first');
}

/** Backup codes go with the last factor that they stand in for. */
const settled = (factors: Factors): Factors => (isEnrolled(factors) ? factors : { ...factors, backupCodes: new Set() });
const without = (ids: ReadonlySet<string>, gone: unknown): ReadonlySet<string> => new Set([...ids].filter((id) => id !== gone));
const codesOf = (data: JsonObject): ReadonlySet<string> => new Set(data['backupCodeIds'] as readonly string[]);
const notice = (what: string, data: JsonObject): FactorEvent => ({ what, data, severity: 'notice' });
const totpEnrolled = (): IdentityFault => new IdentityFault('TOTP_ENROLLED', 'an authenticator is enrolled already');
