import type { Flows } from '../parts.js';
import type { Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';

export function policyHandlers({ policies }: Flows): Pick<Handlers, 'policy-list'> {
  return {
    'policy-list': async ({ organization }, asker) => {
      authorise(asker, 'retention.read', { organization });
      return { policies: await policies.list(organization) };
    },
  };
}
