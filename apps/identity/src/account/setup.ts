import { newSessionToken, sessionDigest } from '@countersign/credentials';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { addLink, takeLink } from '../store/link-rows.js';
import { countAdministrators } from '../store/user-rows.js';
import { createAccount, onlyAdministrator } from './register.js';

export function setupHandlers(flows: Flows): Pick<Handlers, 'setup-link' | 'setup'> {
  return {
    'setup-link': (_args, asker) => makeLink(flows, asker),
    setup: (args, asker) => setUp(flows, args, asker),
  };
}

/** Printed by the operator's tool and nowhere else: a log is read by more people than may become the first administrator. */
async function makeLink({ store, tenant, newId, links }: Flows, asker: Asker): Promise<IdentityResult<'setup-link'>> {
  const { token, digest } = newSessionToken();
  let expiresAt = asker.now;
  await store.append({
    tenant,
    stream: `setup/${newId()}`,
    expectedVersion: 0,
    events: [{ type: 'identity.setup.link-made', severity: 'warning', data: {} }],
    ...asker.cause,
    project: async (client) => {
      if ((await countAdministrators(client)) > 0) throw new IdentityFault('ADMIN_EXISTS', 'there is an administrator, who makes others');
      expiresAt = await addLink(client, { tokenHash: digest, purpose: 'setup' }, asker.now);
    },
  });
  return { url: links.url('setup', token), token, expiresAt: expiresAt.toISOString() };
}

async function setUp(flows: Flows, { token, ...who }: IdentityArgs<'setup'>, asker: Asker): Promise<IdentityResult<'setup'>> {
  const digest = sessionDigest(token);
  await flows.links.find(digest, 'setup', asker.now);
  const userId = flows.newId();
  await createAccount(flows, who, { userId, by: 'setup', organization: undefined, platformRoles: [{ role: 'owner' }], member: undefined }, asker, async (client) => {
    await takeLink(client, digest);
    await onlyAdministrator(client);
  });
  return { userId };
}
