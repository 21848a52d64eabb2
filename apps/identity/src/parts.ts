import type { BackupCodes } from '@countersign/credentials';
import type { EventStore } from '@countersign/event-store';
import type { FieldCipher } from '@countersign/key-client';
import type { IndexKeys } from './keys/index-keys.js';
import type { PersonalColumns } from './keys/personal-columns.js';
import type { RelyingParty } from './passkeys/ceremony.js';
import type { Revocations } from './revoke/revocations.js';
import type { Guard } from './sign-in/guard.js';
import type { Passwords } from './sign-in/passwords.js';
import type { LeaseRows } from './store/lease-rows.js';
import type { Links } from './store/link-rows.js';
import type { PasskeyRows } from './store/passkey-rows.js';
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
  readonly users: UserRows;
  readonly sessions: SessionRows;
  readonly signIns: SignInRows;
  readonly passkeys: PasskeyRows;
  readonly links: Links;
  /** After so many days a password has to be changed. */
  readonly passwordDaysMax: number | undefined;
  readonly relyingParty: RelyingParty;
  readonly leases: LeaseRows;
  readonly columns: PersonalColumns;
  readonly fields: FieldCipher;
  readonly keys: IndexKeys;
  readonly passwords: Passwords;
  readonly backupCodes: BackupCodes;
  readonly guard: Guard;
  readonly revocations: Pick<Revocations, 'enforce'>;
  /** A new opaque id. */
  readonly newId: () => string;
}
