import { DELETION_ACTIONS, type RetentionArgs, type RetentionResult } from '@countersign/contracts';
import { appliesTo, covers, evaluate, restricts, type Resource } from '@countersign/retention-rules';
import { POLICY_SET_ID, policySetAggregate, type PolicySetCommand } from '../domain/policy-set.js';
import type { Flows } from '../parts.js';
import { idFor } from '../request/id-for.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { projectPolicies } from '../store/policy-rows.js';
import { told } from './told.js';
import { dryRun } from './try-change.js';

/** Two people who change policies of one organisation at once. */
const TRIES_MAX = 3;

type Names = 'policy-list' | 'policy-change' | 'policy-dry-run' | 'proposal-approve' | 'proposal-withdraw' | 'explain';

export function policyHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'policy-list': async ({ organization }, asker) => {
      authorise(asker, 'retention.read', { organization });
      return { policies: await flows.policies.list(organization), proposals: await flows.policies.proposals(organization, asker.now) };
    },
    'policy-change': (args, asker) => change(flows, args, asker),
    'policy-dry-run': (args, asker) => dryRun(flows, args, asker),
    'proposal-approve': async ({ organization, proposalId }, asker) => {
      await execute(flows, organization, { type: 'approve', proposalId }, asker);
      return {};
    },
    'proposal-withdraw': async ({ organization, proposalId, reason }, asker) => {
      await execute(flows, organization, { type: 'withdraw', proposalId, reason }, asker);
      return {};
    },
    explain: (args, asker) => explain(flows, args, asker),
  };
}

async function change(flows: Flows, { organization, policyId: given, rule, version, reason }: RetentionArgs<'policy-change'>, asker: Asker): Promise<RetentionResult<'policy-change'>> {
  const policyId = given ?? idFor(asker, 'policy', flows.newId);
  const proposalId = idFor(asker, 'proposal', flows.newId);
  const [event] = await execute(flows, organization, { type: 'change', policyId, rule, version, proposalId, reason }, asker);
  if (event === undefined) return { policyId, state: 'unchanged' };
  return event.type === 'retention.policy.proposed' ? { policyId, state: 'proposed', proposalId } : { policyId, state: 'in-force' };
}

type Change = PolicySetCommand extends infer C ? (C extends PolicySetCommand ? Omit<C, 'by' | 'nowMs' | 'origin'> : never) : never;

async function execute({ store, tenant }: Flows, organization: string | undefined, command: Change, asker: Asker) {
  authorise(asker, 'retention.change', { organization });
  const { events } = await store.execute(policySetAggregate, {
    tenant: organization ?? tenant,
    id: POLICY_SET_ID,
    command: { ...command, by: asker.view.userId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: TRIES_MAX,
    project: async (client, recorded) => {
      await projectPolicies(client, organization, recorded, asker.now);
      asker.checkFresh();
    },
  });
  return events;
}

/** Of a resource as its owner describes it; nothing is looked up, and nothing is done. */
async function explain({ policies, holds, restrictions, types, announceMs, tenant }: Flows, { organization, resource: described, clock, actions, at }: RetentionArgs<'explain'>, asker: Asker): Promise<RetentionResult<'explain'>> {
  authorise(asker, 'retention.read', { organization });
  const atMs = at === undefined ? asker.now.getTime() : Date.parse(at);
  const { type, id, class: dataClass, subject, created, closed, lastUsed } = described;
  const resource: Resource = {
    organization: organization ?? tenant, type, id, dataClass,
    ...(subject === undefined ? {} : { subject }),
    createdMs: Date.parse(created),
    ...(closed === undefined ? {} : { closedMs: Date.parse(closed) }),
    ...(lastUsed === undefined ? {} : { lastUsedMs: Date.parse(lastUsed) }),
  };
  const known = await types.known(resource.organization!, type);
  const rules = await policies.rules(resource.organization);
  // Of the time asked about: a hold that was released since was in force then.
  const standing = await holds.rules(new Date(atMs - announceMs), resource.organization);
  const restricted = subject === undefined ? [] : await restrictions.rules(new Date(atMs), subject);
  return told(evaluate({ resource, type: { type, clock: clock ?? known?.clock ?? 'created', actions: actions ?? known?.actions ?? DELETION_ACTIONS }, policies: rules.filter((policy) => appliesTo(policy, resource)), holds: standing.filter((hold) => covers(hold, resource)), restrictions: restricted.filter((one) => restricts(one, resource)), announceMs }, atMs));
}
