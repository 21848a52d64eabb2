import { tenantOfType } from '@countersign/contracts';
import type { AskedFrom, Cause } from '@countersign/event-store';
import { resourceTypeAggregate, type ResourceTypeCommand } from '../domain/resource-type.js';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Flows } from '../parts.js';
import { projectType } from '../store/type-rows.js';

/** Two who change one type at once. */
const TRIES_MAX = 3;

type Change = ResourceTypeCommand extends infer C ? (C extends ResourceTypeCommand ? Omit<C, 'name' | 'by' | 'origin'> : never) : never;

/** In whose name, and with what. */
export interface TypeChangedBy {
  readonly by: string;
  readonly origin: AskedFrom | undefined;
  readonly cause: Cause;
  readonly command: { readonly commandId?: string };
  readonly now: Date;
  readonly checkFresh: () => void;
}

/**
 * In the ledger whose name the type begins with: so names of two organisations never meet, and none hides one of the platform.
 * Throws TYPE_FOREIGN, TYPE_UNKNOWN, TYPE_OWNER_FIXED, TYPES_TOO_MANY.
 */
export async function changeType({ store }: Pick<Flows, 'store'>, tenant: string, name: string, change: Change, { by, origin, cause, command, now, checkFresh }: TypeChangedBy): Promise<void> {
  if (tenantOfType(name) !== tenant) throw new RetentionFault(change.type === 'register' ? 'TYPE_FOREIGN' : 'TYPE_UNKNOWN', `types here are called ${tenant}.something`, { field: 'type' });
  await store.execute(resourceTypeAggregate, {
    tenant,
    id: name,
    command: { ...change, name, by, origin },
    ...cause,
    ...command,
    retriesMax: TRIES_MAX,
    project: async (client, events) => {
      await projectType(client, tenant, name, events, now);
      checkFresh();
    },
  });
}
