import type { EmitInput } from '@countersign/client';

/** The source that emits, and the ledger that records. */
export const SOURCE = 'accounts';
export const TENANT = 'acme';

const USERS = 5_000;
const METHODS = ['password', 'passkey', 'totp', 'sso'] as const;
const REGIONS = ['eu-west-1', 'eu-central-1', 'us-east-1'] as const;

/** The `k`th event of a workload such as an identity service's: a session begins. About 400 bytes with id and number. */
export function sampleEvent(k: number): EmitInput {
  return {
    tenant: TENANT,
    type: 'accounts.session.created',
    actor: { type: 'user', id: `usr_${100_000 + (k % USERS)}` },
    resource: { type: 'session', id: `ses_${10_000_000 + k}` },
    correlationId: `req-${(k * 2_654_435_761) % 4_294_967_296}-${k}`,
    data: { attempt: 1 + (k % 3), method: METHODS[k % METHODS.length]!, mfa: k % 2 === 0, region: REGIONS[k % REGIONS.length]! },
  };
}

/** The same with facts about the person who began the session: about 100 bytes more. */
export function personalEvent(k: number): EmitInput {
  const event = sampleEvent(k);
  return { ...event, personal: [{ subject: event.actor.id, data: { ip: `198.51.100.${k % 256}`, device: `laptop-${k % 1_000}`, name: `Person ${k % USERS}` } }] };
}
