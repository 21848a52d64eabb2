/**
 * Who may do what: the one place where permissions and system roles are written down. docs/spec/access.md repeats it, and a test
 * holds the two together.
 *
 * A permission's bits follow from its position, and stored sets hold bits: append only, never reorder, never give an id another
 * meaning. libs/access/test/recorded-permissions.ts remembers the order.
 */

/** From narrow to wide. A grant in one scope holds in every narrower one. */
export const SCOPES = ['own', 'organization', 'global'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * - `sensitive`: a person must have proved who they are within the last 15 minutes (ASVS 5.0 V7.5)
 * - `takes-over`: could be used to become somebody else, or to be rid of whoever keeps one in check; only against those all of whose permissions one holds oneself
 * - `person`: never by an API key or a service account, so that a stolen key cannot make itself a better one
 * - `before-mfa`: on one's own account also before the second factor that one's role asks for is there
 */
export const TRAITS = ['sensitive', 'takes-over', 'person', 'before-mfa'] as const;
export type Trait = (typeof TRAITS)[number];

interface PermissionRow {
  readonly id: string;
  /** In which it may be granted. */
  readonly scopes: readonly Scope[];
  readonly traits?: readonly Trait[];
  readonly description: string;
}

const EVERYWHERE = ['own', 'organization', 'global'] as const;
const MANAGED = ['organization', 'global'] as const;

const PERMISSION_ROWS = [
  // accounts
  { id: 'user.read', scopes: EVERYWHERE, traits: ['before-mfa'], description: 'See an account: name, e-mail, state, roles' },
  { id: 'user.create', scopes: MANAGED, description: 'Make an account without an invitation' },
  { id: 'user.update', scopes: EVERYWHERE, description: 'Change name and preferences' },
  { id: 'user.change-email', scopes: EVERYWHERE, traits: ['sensitive', 'takes-over', 'person'], description: 'Change the e-mail address, by which a password can be set anew' },
  { id: 'user.disable', scopes: MANAGED, traits: ['sensitive', 'takes-over'], description: 'Disable an account, ending its sessions and API keys, or let it in again' },
  { id: 'user.unlock', scopes: MANAGED, description: 'Lift a lock that failed sign-ins have set' },
  // what proves who somebody is
  { id: 'password.change', scopes: ['own'], traits: ['person', 'before-mfa'], description: "Change one's own password, knowing the present one" },
  { id: 'password.reset', scopes: MANAGED, traits: ['sensitive', 'takes-over', 'person'], description: 'Void a password, so that its owner must set a new one' },
  { id: 'mfa.enroll', scopes: ['own'], traits: ['sensitive', 'person', 'before-mfa'], description: 'Add a second factor or make new backup codes' },
  { id: 'mfa.remove', scopes: ['own'], traits: ['sensitive', 'person'], description: "Remove one of one's own second factors" },
  { id: 'mfa.reset', scopes: MANAGED, traits: ['sensitive', 'takes-over', 'person'], description: 'Remove all second factors of somebody who has lost them' },
  { id: 'session.read', scopes: EVERYWHERE, traits: ['before-mfa'], description: 'See sessions and devices' },
  { id: 'session.revoke', scopes: EVERYWHERE, traits: ['before-mfa'], description: 'End one session or all of them' },
  { id: 'attempt.read', scopes: EVERYWHERE, description: 'See failed sign-ins and locks' },
  { id: 'api-key.read', scopes: EVERYWHERE, description: 'See API keys: preview, scopes, expiry, last use; never the key' },
  { id: 'api-key.create', scopes: EVERYWHERE, traits: ['sensitive', 'takes-over', 'person'], description: 'Make an API key for oneself or for a service account' },
  { id: 'api-key.revoke', scopes: EVERYWHERE, description: 'Revoke an API key' },
  { id: 'service-account.read', scopes: MANAGED, description: 'See service accounts' },
  { id: 'service-account.create', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Make a service account' },
  { id: 'service-account.disable', scopes: MANAGED, traits: ['sensitive'], description: 'Disable a service account and its API keys' },
  // organisations
  { id: 'organization.read', scopes: MANAGED, description: 'See an organisation' },
  { id: 'organization.create', scopes: ['global'], description: 'Make an organisation' },
  { id: 'organization.update', scopes: MANAGED, description: 'Change name and contacts of an organisation' },
  { id: 'organization.close', scopes: ['global'], traits: ['sensitive', 'person'], description: 'Close an organisation: nobody acts in it any more' },
  { id: 'member.read', scopes: MANAGED, description: 'See members and their roles' },
  { id: 'member.invite', scopes: MANAGED, description: 'Invite somebody, or withdraw an invitation' },
  { id: 'member.remove', scopes: MANAGED, traits: ['sensitive'], description: 'Remove a member' },
  { id: 'role.read', scopes: MANAGED, description: 'See roles and what they grant' },
  { id: 'role.define', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Make, change or remove a custom role' },
  { id: 'role.assign', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Give somebody a role or take it away; only what one holds oneself' },
  { id: 'policy.read', scopes: MANAGED, description: 'See the rules for passwords, second factors, sessions and API keys' },
  { id: 'policy.change', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Change those rules' },
  { id: 'federation.change', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Set up sign-in by another identity provider' },
  // the record
  { id: 'event.write', scopes: MANAGED, description: 'Send audit events' },
  { id: 'audit.read', scopes: EVERYWHERE, description: 'Search recorded events; own: those that one has caused' },
  { id: 'audit.read-personal', scopes: EVERYWHERE, traits: ['sensitive'], description: 'Read personal parts of recorded events, such as IP addresses' },
  { id: 'audit.prove', scopes: EVERYWHERE, description: 'Fetch receipts and proofs of recorded events' },
  { id: 'audit.export', scopes: MANAGED, traits: ['sensitive'], description: 'Export a ledger' },
  { id: 'audit.verify', scopes: MANAGED, description: 'Order a verification and see verdicts' },
  { id: 'ledger.read', scopes: MANAGED, description: 'Fetch checkpoints, tiles and entries of a ledger' },
  { id: 'quarantine.read', scopes: MANAGED, description: 'See refused events and why they were refused' },
  { id: 'evidence.export', scopes: MANAGED, traits: ['sensitive'], description: 'Make an evidence pack for auditors' },
  // keys
  { id: 'key.read', scopes: MANAGED, description: 'See keys and their versions; never their bytes' },
  { id: 'key.rotate', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Make a new version of a key' },
  { id: 'key.destroy', scopes: ['global'], traits: ['sensitive', 'person'], description: 'Schedule the destruction of a key, or cancel it' },
  // personal data and retention
  { id: 'personal.export', scopes: EVERYWHERE, traits: ['sensitive'], description: 'Export what is kept about one person' },
  { id: 'erasure.order', scopes: EVERYWHERE, traits: ['sensitive', 'person'], description: 'Erase one person: their key is destroyed for ever' },
  { id: 'retention.read', scopes: MANAGED, description: 'See retention policies, dry runs and proofs of deletion' },
  { id: 'retention.change', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Change a retention policy' },
  { id: 'hold.place', scopes: MANAGED, description: 'Place a legal hold, which overrides retention and erasure' },
  { id: 'hold.release', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Ask for or confirm the release of a legal hold; it takes two people' },
  // the platform
  { id: 'system.read', scopes: ['global'], description: 'See health, versions and settings of the services' },
  { id: 'user.shut-out', scopes: MANAGED, traits: ['sensitive', 'person'], description: 'Disable an account whatever it holds, to answer an attack; not let it in again' },
  // incidents
  { id: 'incident.read', scopes: MANAGED, description: 'See security incidents; of an organisation: that it is affected' },
  { id: 'incident.manage', scopes: ['global'], traits: ['person'], description: 'Assess security incidents, record notices, close them' },
  { id: 'incident.report', scopes: ['global'], description: 'Open a security incident, or send alerts that do' },
  { id: 'resource.report', scopes: MANAGED, description: 'Register types of data that a service of an organisation holds, report it, and carry out its deletions' },
] as const satisfies readonly PermissionRow[];

export type PermissionId = (typeof PERMISSION_ROWS)[number]['id'];

export interface Permission extends PermissionRow {
  readonly id: PermissionId;
  readonly traits: readonly Trait[];
}

export interface Grant {
  readonly permission: PermissionId;
  readonly scope: Scope;
}

/** Where a role is assigned: in one organisation, or on the platform, where it reaches all of them. */
export const LEVELS = ['organization', 'global'] as const;
export type Level = (typeof LEVELS)[number];

interface RoleRow {
  readonly id: string;
  readonly description: string;
  readonly levels: readonly Level[];
  /** I3: who holds it cannot act before a second factor is enrolled. */
  readonly needsMfa: boolean;
  /** Whom it can be given to. */
  readonly holder: 'person' | 'service-account';
  /** The widest scope in which each permission is granted; assigned in an organisation, none reaches further than that. */
  readonly own?: readonly PermissionId[] | 'all';
  readonly organization?: readonly PermissionId[];
  readonly global?: readonly PermissionId[] | 'all';
}

/** What everybody may do with an account of their own. */
const OWN_ACCOUNT = [
  'user.read', 'user.update', 'user.change-email', 'password.change', 'mfa.enroll', 'mfa.remove', 'session.read', 'session.revoke', 'attempt.read',
  'api-key.read', 'api-key.create', 'api-key.revoke', 'audit.read', 'audit.read-personal', 'audit.prove', 'personal.export', 'erasure.order',
] as const satisfies readonly PermissionId[];

/** What can be seen without seeing what people did, or from where. */
const READ_SETTINGS = [
  'user.read', 'organization.read', 'member.read', 'role.read', 'policy.read', 'service-account.read', 'retention.read', 'key.read',
] as const satisfies readonly PermissionId[];

const ROLE_ROWS = [
  {
    id: 'owner',
    description: 'Everything. On the platform: the first administrator.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: 'all', global: 'all',
  },
  {
    id: 'admin',
    description: 'People, roles and settings; not keys, erasure, holds or retention.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: [
      ...READ_SETTINGS, 'user.create', 'user.update', 'user.change-email', 'user.disable', 'user.unlock', 'password.reset', 'mfa.reset',
      'session.read', 'session.revoke', 'attempt.read', 'api-key.read', 'api-key.create', 'api-key.revoke', 'service-account.create', 'service-account.disable',
      'organization.create', 'organization.update', 'member.invite', 'member.remove', 'role.define', 'role.assign', 'policy.change',
      'federation.change', 'audit.read', 'audit.prove', 'event.write',
      // Nobody grants what he does not hold: without these an admin could not make anybody a viewer, or an account a service.
      'audit.verify', 'ledger.read', 'resource.report',
    ],
  },
  {
    id: 'security-admin',
    description: 'Answers attacks: ends sessions, disables accounts and keys, changes security policy, rotates keys, reads the record whole.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: [
      ...READ_SETTINGS, 'user.disable', 'user.shut-out', 'user.unlock', 'mfa.reset', 'session.read', 'session.revoke', 'attempt.read', 'api-key.read', 'api-key.revoke',
      'service-account.disable', 'policy.change', 'federation.change', 'audit.read', 'audit.read-personal', 'audit.prove', 'audit.verify', 'ledger.read',
      'quarantine.read', 'key.rotate', 'system.read', 'incident.read', 'incident.manage', 'incident.report',
    ],
  },
  {
    id: 'auditor',
    description: 'Reads and proves everything that is recorded, and changes nothing.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: [
      ...READ_SETTINGS, 'session.read', 'attempt.read', 'api-key.read', 'audit.read', 'audit.read-personal', 'audit.prove', 'audit.export', 'audit.verify',
      'ledger.read', 'quarantine.read', 'evidence.export', 'system.read', 'incident.read',
    ],
  },
  {
    id: 'operator',
    description: 'Keeps the platform running; sees no personal data of others and manages nobody.',
    levels: ['global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: ['organization.read', 'policy.read', 'retention.read', 'audit.verify', 'ledger.read', 'quarantine.read', 'key.read', 'key.rotate', 'system.read', 'incident.read', 'incident.report'],
  },
  {
    id: 'support',
    description: 'Helps people in: sees accounts, lifts locks, voids passwords. Never of somebody mightier.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: [
      'user.read', 'user.unlock', 'password.reset', 'session.read', 'session.revoke', 'attempt.read', 'api-key.read', 'organization.read', 'member.read',
      'role.read', 'policy.read',
    ],
  },
  {
    id: 'privacy-officer',
    description: 'Answers requests of data subjects; retention policies, legal holds, incidents.',
    levels: ['organization', 'global'], needsMfa: true, holder: 'person',
    own: OWN_ACCOUNT,
    global: [
      'user.read', 'organization.read', 'member.read', 'policy.read', 'personal.export', 'erasure.order', 'retention.read', 'retention.change', 'hold.place',
      'hold.release', 'audit.read', 'audit.read-personal', 'audit.prove', 'evidence.export', 'incident.read', 'incident.manage', 'incident.report',
    ],
  },
  {
    id: 'member',
    description: 'Works in an organisation, with an account of their own.',
    levels: ['organization'], needsMfa: false, holder: 'person',
    own: OWN_ACCOUNT,
    organization: ['organization.read', 'member.read', 'role.read'],
  },
  {
    id: 'viewer',
    description: 'Sees settings and the record without personal parts; changes nothing but the own account.',
    levels: ['organization', 'global'], needsMfa: false, holder: 'person',
    own: OWN_ACCOUNT,
    global: [...READ_SETTINGS, 'audit.read', 'audit.prove', 'audit.verify', 'ledger.read'],
  },
  {
    id: 'service',
    description: 'A program: sends events, fetches receipts and proofs of what it sent, has retention delete what it holds.',
    levels: ['organization'], needsMfa: false, holder: 'service-account',
    own: ['user.read', 'api-key.read', 'audit.read', 'audit.prove'],
    organization: ['event.write', 'organization.read', 'resource.report'],
  },
  {
    id: 'alerting',
    description: 'An Alertmanager: opens security incidents.',
    levels: ['global'], needsMfa: false, holder: 'service-account',
    global: ['incident.report'],
  },
] as const satisfies readonly RoleRow[];

export type SystemRoleId = (typeof ROLE_ROWS)[number]['id'];

export interface SystemRole {
  readonly id: SystemRoleId;
  readonly description: string;
  readonly levels: readonly Level[];
  readonly needsMfa: boolean;
  readonly holder: 'person' | 'service-account';
  /** As on the platform; `roleSet` narrows them for an organisation. */
  readonly grants: readonly Grant[];
}

export const PERMISSIONS: readonly Permission[] = PERMISSION_ROWS.map((row: PermissionRow & { readonly id: PermissionId }) => ({ ...row, traits: row.traits ?? [] }));

function grantsOf(row: RoleRow): Grant[] {
  const all = (scope: Scope): PermissionId[] => PERMISSIONS.filter(({ scopes }) => scopes.includes(scope)).map(({ id }) => id);
  return SCOPES.flatMap((scope) => {
    const listed = row[scope] ?? [];
    return (listed === 'all' ? all(scope) : listed).map((permission) => ({ permission, scope }));
  });
}

export const SYSTEM_ROLES: readonly SystemRole[] = ROLE_ROWS.map((row: RoleRow & { readonly id: SystemRoleId }) => {
  const { id, description, levels, needsMfa, holder } = row;
  return { id, description, levels, needsMfa, holder, grants: grantsOf(row) };
});
