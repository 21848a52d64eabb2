import type { DataClass } from '@countersign/contracts';

/** One kind of rows that retention may have deleted. In SQL `$1` is the home organisation. */
export interface HeldTable {
  readonly dataClass: DataClass;
  /** Columns by which a row is named, in the order of an index. Their values have no colon. */
  readonly key: readonly string[];
  readonly from: string;
  readonly tenant: string;
  readonly subject: string;
  readonly created: string;
  /** NULL while it is in use: then it is never deleted, whoever orders it. */
  readonly closed: string;
  readonly lastUsed: string;
  readonly deleteFrom: string;
  readonly using: string;
}

const OWNER = 'users u ON u.user_id = t.user_id';
const past = (column: string): string => `CASE WHEN ${column} <= now() THEN ${column} END`;

/** What identity holds and gives up. Accounts are not among it: they end with their owners' request. */
export const HELD_TABLES: Readonly<Record<string, HeldTable>> = {
  session: {
    dataClass: 'security',
    key: ['t.session_id'],
    from: `sessions t JOIN ${OWNER}`,
    tenant: 'coalesce(u.organization, $1)',
    subject: 't.user_id',
    created: 't.started_at',
    closed: `least(t.ended_at, ${past('t.expires_at')})`,
    lastUsed: 't.seen_at',
    deleteFrom: 'sessions t',
    using: 'users u WHERE u.user_id = t.user_id',
  },
  // Devices that have signed in.
  'sign-in-device': {
    dataClass: 'security',
    key: ['t.token_hash', 't.user_id'],
    from: `devices t JOIN ${OWNER}`,
    tenant: 'coalesce(u.organization, $1)',
    subject: 't.user_id',
    created: 't.known_at',
    // Each sign-in makes it known anew; without one it is of no use to anybody.
    closed: 't.known_at',
    lastUsed: 't.known_at',
    deleteFrom: 'devices t',
    using: 'users u WHERE u.user_id = t.user_id',
  },
  'api-key': {
    dataClass: 'security',
    key: ['t.key_id'],
    from: 'api_keys t JOIN users u ON u.user_id = t.created_by',
    tenant: 'coalesce(t.organization, u.organization, $1)',
    subject: 't.user_id',
    created: 't.created_at',
    closed: `least(t.revoked_at, ${past('t.expires_at')})`,
    lastUsed: 't.last_used_at',
    deleteFrom: 'api_keys t',
    using: 'users u WHERE u.user_id = t.created_by',
  },
  invitation: {
    dataClass: 'contact',
    key: ['t.invitation_id'],
    from: 'invitations t',
    tenant: 't.organization',
    subject: `'invitee-' || t.invitation_id`,
    created: 't.invited_at',
    closed: past('t.expires_at'),
    lastUsed: 'NULL::timestamptz',
    deleteFrom: 'invitations t',
    using: '(SELECT) AS nothing WHERE true',
  },
};
