import type { BackupCodes } from '@countersign/credentials';
import type { EventStore } from '@countersign/event-store';
import type { FieldCipher } from '@countersign/key-client';
import type { Erasures } from './hold/erasures.js';
import type { IndexKeys } from './keys/index-keys.js';
import type { PersonalColumns } from './keys/personal-columns.js';
import type { Notices } from './mail/notices.js';
import type { MailOutbox } from './mail/outbox.js';
import type { RelyingParty } from './passkeys/ceremony.js';
import type { Revocations } from './revoke/revocations.js';
import type { Guard } from './sign-in/guard.js';
import type { Passwords } from './sign-in/passwords.js';
import type { InvitationRows } from './store/invitation-rows.js';
import type { LeaseRows } from './store/lease-rows.js';
import type { Links } from './store/link-rows.js';
import type { PhoneRows } from './store/phone-rows.js';
import type { SmsProvider } from './sms/sms-provider.js';
import type { PasskeyRows } from './store/passkey-rows.js';
import type { MailRows } from './store/mail-rows.js';
import type { MemberRows } from './store/member-rows.js';
import type { OrganizationRows } from './store/organization-rows.js';
import type { PolicyRows } from './store/policy-rows.js';
import type { ApiKeyRows } from './store/api-key-rows.js';
import type { ServiceAccountRows } from './store/service-account-rows.js';
import type { SessionRows } from './store/session-rows.js';
import type { SignInRows } from './store/sign-in-rows.js';
import type { UserRows } from './store/user-rows.js';

/** What the operations stand on. */
export interface Flows {
  /** Ledger that accounts are recorded in. */
  readonly tenant: string;
  /** Organisation that keeps accounts which belong to no other. */
  readonly homeOrganization: string;
  readonly isRegistrationOpen: boolean;
  /** Shown by authenticators beside the code. */
  readonly issuer: string;
  readonly store: EventStore;
  readonly organizations: OrganizationRows;
  readonly members: MemberRows;
  readonly invitations: InvitationRows;
  readonly users: UserRows;
  readonly sessions: SessionRows;
  readonly signIns: SignInRows;
  readonly passkeys: PasskeyRows;
  readonly links: Links;
  readonly phones: PhoneRows;
  /** Undefined: the operator sends no codes by SMS. */
  readonly sms: SmsProvider | undefined;
  readonly relyingParty: RelyingParty;
  readonly leases: LeaseRows;
  readonly apiKeys: ApiKeyRows;
  readonly serviceAccounts: ServiceAccountRows;
  readonly columns: PersonalColumns;
  /** Rules that hold: `effective` for whoever acts in an organisation, `ofUser` for an account. */
  readonly policies: PolicyRows;
  /** Mails that go out if, and only if, what they tell of is committed. */
  readonly mail: MailOutbox;
  readonly notices: Notices;
  readonly mails: MailRows;
  /** False: mails wait, and nobody is told anything. */
  readonly isMailConfigured: boolean;
  readonly fields: FieldCipher;
  readonly keys: IndexKeys;
  readonly passwords: Passwords;
  readonly backupCodes: BackupCodes;
  readonly guard: Guard;
  readonly revocations: Pick<Revocations, 'enforce' | 'enforceOver'>;
  /** Who was erased is not let in, whatever this database says. */
  readonly erasures: Pick<Erasures, 'isKept' | 'requireKept'>;
  /** A new opaque id. */
  readonly newId: () => string;
}
