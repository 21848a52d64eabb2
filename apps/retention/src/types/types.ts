import type { RetentionArgs, RetentionResult } from '@countersign/contracts';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { changeType, type TypeChangedBy } from './change-type.js';

type Names = 'type-list' | 'type-register' | 'type-withdraw';

export function typeHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'type-list': async ({ organization }, asker) => {
      authorise(asker, 'retention.read', { organization });
      return { types: await flows.types.list(organization ?? flows.tenant) };
    },
    'type-register': (args, asker) => register(flows, args, asker),
    'type-withdraw': async ({ organization, type, reason }, asker) => {
      authorise(asker, 'retention.change', { organization });
      await changeType(flows, organization ?? flows.tenant, type, { type: 'withdraw', reason }, inNameOf(asker));
      return {};
    },
  };
}

async function register(flows: Flows, { organization, type, ...description }: RetentionArgs<'type-register'>, asker: Asker): Promise<RetentionResult<'type-register'>> {
  authorise(asker, 'resource.report', { organization });
  await changeType(flows, organization ?? flows.tenant, type, { type: 'register', description, way: 'http' }, inNameOf(asker));
  return { type };
}

const inNameOf = ({ view, origin, cause, command, now, checkFresh }: Asker): TypeChangedBy => ({ by: view.userId, origin, cause, command, now, checkFresh });
