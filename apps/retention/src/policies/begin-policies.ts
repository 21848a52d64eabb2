import { POLICY_SET_ID, policySetAggregate, type FirstPolicy } from '../domain/policy-set.js';
import type { Flows } from '../parts.js';
import { projectPolicies } from '../store/policy-rows.js';

const TRIES_MAX = 3;

/**
 * What an installation starts with: records of the platform's own that nobody needs once they are closed. Nothing of a ledger is here: no evidence
 * goes, not even what was refused, that nobody has decided on.
 */
const firstPolicies = (tenant: string): readonly FirstPolicy[] => [
  { policyId: 'default-session', rule: { name: 'Sessions, 30 days after they end', type: 'session', dispose: { after: { days: 30 }, action: 'delete' } } },
  { policyId: 'default-sign-in-device', rule: { name: 'Devices that somebody signed in from, a year after the last time', type: 'sign-in-device', dispose: { after: { years: 1 }, action: 'delete' } } },
  { policyId: 'default-invitation', rule: { name: 'Invitations, 90 days after they were answered or ran out', type: 'invitation', dispose: { after: { days: 90 }, action: 'delete' } } },
  { policyId: 'default-api-key', rule: { name: 'API keys, a year after they ended', type: 'api-key', dispose: { after: { years: 1 }, action: 'delete' } } },
  // The archive's own rules of days, weeks and months close a backup.
  { policyId: 'default-backup', rule: { name: 'Backups, as soon as no rule of their archive keeps them', type: `${tenant}.backup`, dispose: { after: { days: 0 }, action: 'delete' } }, isOfLaterType: true },
];

/** Sets them, once: whoever changes or removes one has decided, and they do not come back. */
export async function beginPolicies({ store, tenant, now }: Pick<Flows, 'store' | 'tenant' | 'now'>): Promise<void> {
  const at = now();
  await store.execute(policySetAggregate, {
    tenant,
    id: POLICY_SET_ID,
    command: { type: 'begin', policies: firstPolicies(tenant), reason: 'what an installation starts with', by: 'installation', nowMs: at.getTime(), origin: undefined },
    actor: { type: 'system', id: 'retention' },
    // Another instance that starts at the same time.
    retriesMax: TRIES_MAX,
    project: (client, recorded) => projectPolicies(client, undefined, recorded, at),
  });
}
