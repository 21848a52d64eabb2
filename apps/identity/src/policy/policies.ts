import type { IdentityArgs, IdentityResult, PolicyView } from '@countersign/contracts';
import { POLICY_ID, policyAggregate } from '../domain/policy.js';
import { openOrganization } from '../organization/organizations.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { authority } from '../session/sessions.js';
import { putPolicy, shortenSessions } from '../store/policy-rows.js';
import { effectivePolicy } from './effective-policy.js';
import { holdAuthority } from '../store/session-rows.js';

export function policyHandlers(flows: Flows): Pick<Handlers, 'policy-show' | 'policy-change' | 'mail-status'> {
  return {
    'policy-show': (args, asker) => show(flows, args, asker),
    'policy-change': (args, asker) => change(flows, args, asker),
    'mail-status': (_args, asker) => mailStatus(flows, asker),
  };
}

async function show(flows: Flows, { organization }: IdentityArgs<'policy-show'>, asker: Asker): Promise<PolicyView> {
  authorise(asker, 'policy.read', { organization });
  if (organization !== undefined) await openOrganization(flows, organization, 'closed-too');
  const row = await flows.policies.find(organization);
  return { organization, version: Number(row?.version ?? 0), policy: row?.policy ?? {}, ...(row === undefined ? {} : { changedAt: row.changed_at.toISOString() }) };
}

/** In force for everybody when it returns: sessions that are too long are shortened, and edges ask for all of them again. */
async function change(flows: Flows, { organization, policy, version }: IdentityArgs<'policy-change'>, asker: Asker): Promise<PolicyView> {
  const { store, tenant, revocations } = flows;
  const { session } = authorise(asker, 'policy.change', { organization });
  if (organization !== undefined) await openOrganization(flows, organization);
  const { state } = await store.execute(policyAggregate, {
    tenant: organization ?? tenant,
    id: POLICY_ID,
    command: { organization, policy, version, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(session));
      for (const { data } of events) await putPolicy(client, organization, Number(data?.['version']), policy, asker.now);
      await shortenSessions(client, organization, effectivePolicy(policy, []));
    },
  });
  await revocations.enforceOver(organization);
  return { organization, version: state.version, policy: state.policy, changedAt: asker.now.toISOString() };
}

async function mailStatus({ mails, isMailConfigured }: Flows, asker: Asker): Promise<IdentityResult<'mail-status'>> {
  authorise(asker, 'system.read', {});
  const { waiting, oldest, undelivered } = await mails.status();
  return { isConfigured: isMailConfigured, waiting, undelivered, ...(oldest === null ? {} : { oldestWaitingAt: oldest.toISOString() }) };
}
