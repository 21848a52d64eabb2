import { EDGE_LEASE_MS } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Handlers } from '../request/asker.js';

export function edgeLeaseHandlers({ leases, newId }: Flows): Pick<Handlers, 'edge-lease' | 'edge-release'> {
  return {
    'edge-lease': async ({ edgeId, lease }) => {
      if (lease === undefined) {
        const fresh = newId();
        await leases.add({ edgeId, lease: fresh });
        return { lease: fresh, ttlMs: EDGE_LEASE_MS };
      }
      if (!(await leases.isLive({ edgeId, lease }))) throw new IdentityFault('LEASE_LOST', 'the lease was fenced, or never given');
      return { lease, ttlMs: EDGE_LEASE_MS };
    },
    'edge-release': async ({ edgeId, lease }) => {
      await leases.remove([lease], edgeId);
      return {};
    },
  };
}
