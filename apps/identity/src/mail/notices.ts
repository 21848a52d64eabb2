import type { RequestContext } from '@countersign/contracts';
import type { PersonalColumns } from '../keys/personal-columns.js';
import type { UserRows } from '../store/user-rows.js';
import type { MailOutbox, PostMail } from './outbox.js';
import type { MailTemplate, MailValues } from './templates.js';

const HOUR_MS = 3_600_000;
/** News of this kind is of use for so long. */
const NOTICE_MS = 72 * HOUR_MS;

/** As a mail calls them. */
const FACTORS = { totp: 'an authenticator app', passkey: 'a passkey', phone: 'a telephone for codes', 'backup-codes': 'a new set of backup codes' } as const;

/** When something happened, and from where it was asked for. */
export interface Happened {
  readonly now: Date;
  readonly context: Pick<RequestContext, 'ip'>;
}

export interface NoticesDependencies {
  readonly users: Pick<UserRows, 'find'>;
  readonly columns: Pick<PersonalColumns, 'open'>;
  readonly mail: Pick<MailOutbox, 'compose'>;
}

/** Mails that tell somebody what has happened to his account. Each resolves with nothing when he was erased. */
export class Notices {
  constructor(private readonly deps: NoticesDependencies) {}

  /** Somebody has guessed at the account for so long that it is shut (requirement I6). */
  locked(userId: string, { failures, lockMs }: { readonly failures: number; readonly lockMs: number }, now: Date): Promise<PostMail> {
    return this.#compose(userId, 'account-locked', { failures: String(failures), at: utcMinutes(now), hours: String(Math.round(lockMs / HOUR_MS)) });
  }

  /** A device that was not known has signed in. */
  newSignIn(userId: string, ip: string, now: Date): Promise<PostMail> {
    return this.#compose(userId, 'new-sign-in', { at: utcMinutes(now), ip });
  }

  /** By a link that was mailed. */
  passwordReset(userId: string, now: Date): Promise<PostMail> {
    return this.#compose(userId, 'password-was-reset', { at: utcMinutes(now) });
  }

  passwordChanged(userId: string, { now, context: { ip } }: Happened): Promise<PostMail> {
    return this.#compose(userId, 'password-changed', { at: utcMinutes(now), ip });
  }

  factorAdded(userId: string, factor: keyof typeof FACTORS, { now, context: { ip } }: Happened): Promise<PostMail> {
    return this.#compose(userId, 'factor-added', { factor: FACTORS[factor], at: utcMinutes(now), ip });
  }

  factorRemoved(userId: string, factor: keyof typeof FACTORS, { now, context: { ip } }: Happened): Promise<PostMail> {
    return this.#compose(userId, 'factor-removed', { factor: FACTORS[factor], at: utcMinutes(now), ip });
  }

  /** `key`: prefix and id. To whoever made it: with his rights it acts. */
  apiKeyMade(userId: string, key: string, { now, context: { ip } }: Happened): Promise<PostMail> {
    return this.#compose(userId, 'api-key-made', { key, at: utcMinutes(now), ip });
  }

  /** Composed before the change: it goes to the address that was. */
  emailChanged(userId: string, now: Date): Promise<PostMail> {
    return this.#compose(userId, 'email-changed', { at: utcMinutes(now) });
  }

  /** By an administrator. */
  factorsReset(userId: string, now: Date): Promise<PostMail> {
    return this.#compose(userId, 'mfa-reset', { at: utcMinutes(now) });
  }

  async #compose<T extends MailTemplate>(userId: string, template: T, values: MailValues<T>): Promise<PostMail> {
    const { users, columns, mail } = this.deps;
    const user = await users.find(userId);
    const [address] = user === undefined ? [] : await columns.open([{ subject: userId, table: 'users', column: 'email', row: userId, sealed: user.email }]);
    if (address === undefined) return async () => undefined;
    return mail.compose({ template, to: { subject: userId, address }, values, usefulMs: NOTICE_MS });
  }
}

/** `2026-01-31 12:00 UTC` */
export const utcMinutes = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
