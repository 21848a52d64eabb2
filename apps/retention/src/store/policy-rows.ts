import type { ProposalView, RetentionPolicyView, RetentionRule } from '@countersign/contracts';
import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Policy } from '@countersign/retention-rules';
import { policyOf } from '../domain/policy-set.js';

interface PolicyRow {
  readonly organization: string;
  readonly policy_id: string;
  readonly rule: RetentionRule;
  readonly version: string;
  readonly set_by: string;
  readonly approved_by: string | null;
  readonly changed_at: Date;
}

interface ProposalRow {
  readonly proposal_id: string;
  readonly policy_id: string;
  readonly rule: RetentionRule | null;
  readonly reason: string;
  readonly proposed_by: string;
  readonly proposed_at: Date;
  readonly expires_at: Date;
}

/** A policy as the rules take it, and who answers for it. */
export type AnsweredPolicy = Policy & { readonly setBy: string; readonly approvedBy?: string };

/** The installation's own lie under the empty name. */
const nameOf = (organization: string | undefined): string => organization ?? '';

/** Policies as they are now. */
export class PolicyRows {
  constructor(readonly pool: Pool) {}

  async list(organization: string | undefined): Promise<RetentionPolicyView[]> {
    const { rows } = await this.pool.query<PolicyRow>('SELECT organization, policy_id, rule, version, set_by, approved_by, changed_at FROM policies WHERE organization = $1 ORDER BY policy_id', [nameOf(organization)]);
    return rows.map(({ policy_id: policyId, rule, version, set_by: setBy, approved_by, changed_at }) => ({
      policyId, organization, rule, setBy,
      version: Number(version),
      approvedBy: approved_by ?? undefined,
      changedAt: changed_at.toISOString(),
    }));
  }

  /** Those that nobody has decided yet and that can still be agreed to. */
  async proposals(organization: string | undefined, now: Date): Promise<ProposalView[]> {
    const { rows } = await this.pool.query<ProposalRow>(
      'SELECT proposal_id, policy_id, rule, reason, proposed_by, proposed_at, expires_at FROM policy_proposals WHERE organization = $1 AND expires_at > $2 ORDER BY proposed_at, proposal_id',
      [nameOf(organization), now],
    );
    return rows.map(({ proposal_id: proposalId, policy_id: policyId, rule, reason, proposed_by: proposedBy, proposed_at, expires_at }) => ({
      proposalId, policyId, reason, proposedBy,
      rule: rule ?? undefined,
      proposedAt: proposed_at.toISOString(),
      expiresAt: expires_at.toISOString(),
    }));
  }

  /** That speak of an organisation: its own and the installation's. Undefined: those of all. */
  async rules(organization?: string): Promise<AnsweredPolicy[]> {
    const { rows } = await this.pool.query<PolicyRow>(`SELECT organization, policy_id, rule, version, set_by, approved_by, changed_at FROM policies WHERE $1::text IS NULL OR organization IN ('', $1)`, [organization ?? null]);
    return rows.map(({ organization: name, policy_id, rule, version, set_by: setBy, approved_by }) => ({
      ...policyOf(policy_id, Number(version), name === '' ? undefined : name, rule),
      setBy,
      ...(approved_by === null ? {} : { approvedBy: approved_by }),
    }));
  }
}

/** Brings the tables to what the events say. */
export async function projectPolicies(client: PoolClient, organization: string | undefined, events: readonly RecordedEvent[], now: Date): Promise<void> {
  const name = nameOf(organization);
  for (const { type, data = {} } of events) {
    const { policyId, proposalId, rule, version, setBy, approvedBy, reason, proposedBy, expiresAt } = data as Record<string, unknown>;
    if (type === 'retention.policy.proposed') {
      await client.query(
        'INSERT INTO policy_proposals (organization, proposal_id, policy_id, rule, reason, proposed_by, proposed_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        [name, proposalId, policyId, rule ?? null, reason, proposedBy, now, expiresAt],
      );
      continue;
    }
    if (proposalId !== undefined) await client.query('DELETE FROM policy_proposals WHERE organization = $1 AND proposal_id = $2', [name, proposalId]);
    if (type === 'retention.policy.removed') await client.query('DELETE FROM policies WHERE organization = $1 AND policy_id = $2', [name, policyId]);
    if (type === 'retention.policy.changed') {
      const { type: resourceType, class: dataClass } = rule as RetentionRule;
      await client.query(
        `INSERT INTO policies (organization, policy_id, type, data_class, rule, version, set_by, approved_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (organization, policy_id) DO UPDATE SET (type, data_class, rule, version, set_by, approved_by, changed_at) = ROW (excluded.type, excluded.data_class, excluded.rule, excluded.version, excluded.set_by, excluded.approved_by, excluded.changed_at)`,
        [name, policyId, resourceType ?? null, dataClass ?? null, rule, version, setBy, approvedBy ?? null, now],
      );
    }
  }
}
