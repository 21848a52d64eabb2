import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@countersign/chain';
import type { Policy } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

/** Rules of the installation or of one organisation; each change is a version. */
export interface Rules {
  readonly version: number;
  readonly policy: Policy;
}

export interface PolicyCommand {
  /** Undefined: of the installation. */
  readonly organization: string | undefined;
  readonly policy: Policy;
  /** Only if this is the present one. */
  readonly version: number | undefined;
  readonly origin: Origin | undefined;
}

interface PolicyEvent extends DomainEvent {
  readonly data: JsonObject;
}

/** Its stream has this id, in the ledger of the organisation or of the installation. */
export const POLICY_ID = 'rules';

export const policyAggregate = defineAggregate<Rules, PolicyCommand, PolicyEvent>({
  name: 'policy',
  initialState: { version: 0, policy: {} },
  decide: ({ organization, policy, version, origin }, rules) => {
    if (version !== undefined && version !== rules.version) throw new IdentityFault('CONFLICT', `the policy is at version ${rules.version}`, { field: 'version' });
    if (isDeepStrictEqual(policy, rules.policy)) return [];
    const data = { version: rules.version + 1, policy: policy as unknown as JsonObject };
    const resource = { type: 'policy', id: organization ?? 'installation' };
    return [from(origin, { type: 'identity.policy.changed', severity: 'warning', resource, data })];
  },
  evolve: (_rules, { data }) => ({ version: data['version'] as number, policy: data['policy'] as unknown as Policy }),
});
