import type { RetentionArgs, RetentionResult } from '@countersign/contracts';
import { from } from '@countersign/event-store';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { idFor } from '../request/id-for.js';
import { storeReport } from '../store/reported-rows.js';
import type { ByService } from './fetched-orders.js';

type Names = 'resources-report' | 'orders-fetch' | 'order-confirm' | 'order-refuse';

/** What a service over HTTP says and asks. */
export function resourceHandlers(flows: Flows): Pick<Handlers, Names> {
  const { fetched } = flows;
  const tenantFor = ({ organization }: { readonly organization?: string | undefined }, asker: Asker): string => {
    authorise(asker, 'resource.report', { organization });
    return organization ?? flows.tenant;
  };
  return {
    'resources-report': (args, asker) => report(flows, tenantFor(args, asker), args, asker),
    'orders-fetch': async (args, asker) => ({ orders: await fetched.fetch(tenantFor(args, asker), args.type, args.limit, byService(asker)) }),
    'order-confirm': (args, asker) => fetched.confirm(tenantFor(args, asker), args.type, args.orderId, args.gone, byService(asker)),
    'order-refuse': async (args, asker) => {
      await fetched.refuse(tenantFor(args, asker), args.type, args.orderId, args.reason, byService(asker));
      return {};
    },
  };
}

const byService = ({ cause, origin, checkFresh }: Asker): ByService => ({ cause, origin, checkFresh });

/** On record is how much was said, and not what: what is about somebody must not be there for ever. */
async function report({ store, newId }: Flows, tenant: string, { type, resources, removed }: RetentionArgs<'resources-report'>, asker: Asker): Promise<RetentionResult<'resources-report'>> {
  const batch = { resources, removed };
  const data = { resources: resources.length, removed: removed.length };
  await store.append({
    tenant,
    stream: `report/${idFor(asker, 'report', newId)}`,
    expectedVersion: 0,
    events: [from(asker.origin, { type: 'retention.resources.reported', resource: { type: 'resource-type', id: type }, data })],
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await storeReport(client, tenant, type, batch);
      asker.checkFresh();
    },
  });
  return { reported: resources.length, removed: removed.length };
}
