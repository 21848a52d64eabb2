import { policySchema, type Policy } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import { effectivePolicy, type EffectivePolicy } from '../policy/effective-policy.js';

const INSTALLATION = '';

/** Why the password of the user `u` has to be changed at the time `now` (a parameter), or NULL: also when nobody has noticed yet that it has grown too old. */
export const passwordDueSql = (now: string): string => `coalesce(u.password_due, CASE WHEN u.password_at + interval '24 hours' * (SELECT min((d.policy->>'passwordDays')::int) FROM policies d
  WHERE d.organization IN ('', u.organization) OR d.organization IN (SELECT m.organization FROM members m WHERE m.user_id = u.user_id)) <= ${now} THEN 'age' END)`;

export interface PolicyRow {
  readonly organization: string;
  readonly version: string;
  readonly policy: Policy;
  readonly changed_at: Date;
}

/** Rules that hold now. */
export class PolicyRows {
  constructor(readonly pool: Pool) {}

  /** As it was set, of an organisation or (undefined) of the installation; undefined: nobody has set one. */
  async find(organization: string | undefined): Promise<PolicyRow | undefined> {
    const { rows } = await this.pool.query<PolicyRow>('SELECT organization, version, policy, changed_at FROM policies WHERE organization = $1', [organization ?? INSTALLATION]);
    return rows[0];
  }

  /** What holds for whoever acts in the organisation; without one: on the platform. */
  async effective(organization: string | undefined): Promise<EffectivePolicy> {
    const { rows } = await this.pool.query<PolicyRow>('SELECT organization, policy FROM policies WHERE organization IN ($1, $2)', [INSTALLATION, organization ?? INSTALLATION]);
    return policyOfRows(rows);
  }

  /** What holds for an account wherever it acts: passwords and second factors are the same in all organisations of their owner. */
  async ofUser(userId: string): Promise<EffectivePolicy> {
    const { rows } = await this.pool.query<PolicyRow>(
      `SELECT organization, policy FROM policies
       WHERE organization = $2 OR organization IN (SELECT organization FROM members WHERE user_id = $1) OR organization = (SELECT organization FROM users WHERE user_id = $1)`,
      [userId, INSTALLATION],
    );
    return policyOfRows(rows);
  }
}

export async function putPolicy(client: PoolClient, organization: string | undefined, version: number, policy: Policy, now: Date): Promise<void> {
  await client.query(
    `INSERT INTO policies (organization, version, policy, changed_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (organization) DO UPDATE SET version = $2, policy = $3, changed_at = $4`,
    [organization ?? INSTALLATION, version, JSON.stringify(policy), now],
  );
}

/** Shortens sessions that go on for longer than is allowed now; none is made longer. */
export async function shortenSessions(client: PoolClient, organization: string | undefined, { sessionIdleMs, sessionLifeMs }: Pick<EffectivePolicy, 'sessionIdleMs' | 'sessionLifeMs'>): Promise<void> {
  await client.query(
    `UPDATE sessions SET expires_at = LEAST(expires_at, seen_at + $2 * interval '1 millisecond', started_at + $3 * interval '1 millisecond')
     WHERE ended_at IS NULL AND ($1::text IS NULL OR organization = $1)
     AND expires_at > LEAST(seen_at + $2 * interval '1 millisecond', started_at + $3 * interval '1 millisecond')`,
    [organization ?? null, sessionIdleMs, sessionLifeMs],
  );
}

/** What is stored was checked when it was set; checked again, so that no hand in the database makes a rule of another form. */
export function policyOfRows(rows: readonly Pick<PolicyRow, 'organization' | 'policy'>[]): EffectivePolicy {
  const of = (isWanted: (organization: string) => boolean): Policy[] => rows.filter(({ organization }) => isWanted(organization)).map(({ policy }) => policySchema.parse(policy));
  return effectivePolicy(of((organization) => organization === INSTALLATION)[0] ?? {}, of((organization) => organization !== INSTALLATION));
}
