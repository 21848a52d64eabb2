import type { RetentionResult } from '@countersign/contracts';
import type { Pool } from '@countersign/postgres';

type View = RetentionResult<'policy-list'>['policies'][number];

/** Policies as they are now. The installation's lie under the empty name. */
export class PolicyRows {
  constructor(readonly pool: Pool) {}

  async list(organization: string | undefined): Promise<View[]> {
    const { rows } = await this.pool.query<{ policy_id: string; type: string | null; data_class: string | null; version: string; changed_at: Date }>(
      'SELECT policy_id, type, data_class, version, changed_at FROM policies WHERE organization = $1 ORDER BY policy_id',
      [organization ?? ''],
    );
    return rows.map(({ policy_id, type, data_class, version, changed_at }) => ({
      policyId: policy_id, organization,
      type: type ?? undefined,
      dataClass: (data_class ?? undefined) as View['dataClass'],
      version: Number(version),
      changedAt: changed_at.toISOString(),
    }));
  }
}
