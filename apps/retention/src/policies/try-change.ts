import type { RetentionArgs, RetentionResult, RetentionRule } from '@countersign/contracts';
import { needsApproval } from '../domain/policy-set.js';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import { authorise } from '../request/authorise.js';

/** In the place of the id of a policy that is not there yet. */
const NEW_POLICY = 'new';

/** What a change, or a proposal that waits, would do; nothing is done. */
export async function dryRun(flows: Flows, { organization, after, ...asked }: RetentionArgs<'policy-dry-run'>, asker: Asker): Promise<RetentionResult<'policy-dry-run'>> {
  authorise(asker, 'retention.read', { organization });
  const { policyId, rule } = asked.proposalId === undefined ? asked : await proposed(flows, organization, asked.proposalId, asker.now);
  const known = policyId === undefined ? undefined : (await flows.policies.list(organization)).find((one) => one.policyId === policyId);
  const isSecondNeeded = needsApproval(known?.rule, rule);
  const change = { organization, policyId: policyId ?? NEW_POLICY, rule, version: (known?.version ?? 0) + 1 };
  return { ...(await flows.dryRuns.part(change, organization, after, asker.now)), needsApproval: isSecondNeeded };
}

async function proposed({ policies }: Flows, organization: string | undefined, proposalId: string, now: Date): Promise<{ readonly policyId: string; readonly rule: RetentionRule | undefined }> {
  const proposal = (await policies.proposals(organization, now)).find((one) => one.proposalId === proposalId);
  if (proposal === undefined) throw new RetentionFault('PROPOSAL_UNKNOWN', 'it was decided, or never made', { field: 'proposalId' });
  return { policyId: proposal.policyId, rule: proposal.rule };
}
