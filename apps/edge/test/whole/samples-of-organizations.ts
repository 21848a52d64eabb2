import { wanted } from '@countersign/devstack';
import type { Make, Sample } from './cast.js';
import { HOME, type WholeStand } from './whole-stand.js';

/** Samples of routes about organisations; see samples.ts. */

const GRANTS = [{ permission: 'user.read', scope: 'organization' }];
let made = 0;

const reads: Make = async ({ stand }) => ({ by: stand.admin.browser, path: { organization: HOME } });

/** What the administrator does in an organisation. */
const inOrganization = ({ admin }: WholeStand, organization: string, rest: Partial<Sample> = {}): Sample => ({
  by: admin.browser, actor: admin.account.userId, resource: { type: 'organization', id: organization }, ...rest, path: { organization, ...rest.path },
});

/** An organisation that no other sample touches. */
async function another({ admin }: WholeStand): Promise<string> {
  const organization = `sample-${String(++made)}`;
  wanted(await admin.browser.post('/v1/organizations', { organization, name: 'A sample' }), 204);
  return organization;
}

async function invited({ admin }: WholeStand, organization: string, email = `invited${String(++made)}@example.com`): Promise<string> {
  return wanted(await admin.browser.post(`/v1/organizations/${organization}/invitations`, { email }), 201).json['invitationId'] as string;
}

async function defined({ admin }: WholeStand): Promise<string> {
  const role = `sample-${String(++made)}`;
  wanted(await admin.browser.post(`/v1/organizations/${HOME}/roles`, { role, description: 'A sample', grants: GRANTS }), 204);
  return role;
}

const ORGANIZATIONS: Readonly<Record<string, Make>> = {
  'GET /v1/organizations': reads,
  'POST /v1/organizations': async ({ stand }) => inOrganization(stand, 'sample', { body: { organization: 'sample', name: 'A sample' } }),
  'GET /v1/organizations/{organization}': reads,
  'PATCH /v1/organizations/{organization}': async ({ stand }) => inOrganization(stand, HOME, { body: { name: 'Another name' } }),
  'POST /v1/organizations/{organization}/close': async ({ stand }) => inOrganization(stand, await another(stand), { body: { reason: 'a sample' } }),
  'POST /v1/organizations/{organization}/reopen': async ({ stand }) => {
    const organization = await another(stand);
    wanted(await stand.admin.browser.post(`/v1/organizations/${organization}/close`, { reason: 'a sample' }), 204);
    return inOrganization(stand, organization);
  },
  'POST /v1/account/organization': async (cast) => {
    const person = await cast.stand.person();
    return cast.own(person, { body: { organization: HOME }, resource: { type: 'session', id: await cast.stand.sessionId(person.browser) } });
  },
  'DELETE /v1/account/organizations/{organization}': async (cast) => cast.own(await cast.stand.person(), { path: { organization: HOME } }),
};

const MEMBERS: Readonly<Record<string, Make>> = {
  'GET /v1/organizations/{organization}/members': reads,
  'DELETE /v1/organizations/{organization}/members/{userId}': async (cast) => {
    const sample = cast.over(await cast.stand.person());
    return { ...sample, path: { ...sample.path, organization: HOME } };
  },
  'GET /v1/organizations/{organization}/invitations': reads,
  'POST /v1/organizations/{organization}/invitations': async ({ stand }) => inOrganization(stand, HOME, { body: { email: 'invited@example.com' }, resource: { type: 'invitation' } }),
  'POST /v1/organizations/{organization}/invitations/{invitationId}/resend': async ({ stand }) => {
    const invitationId = await invited(stand, HOME);
    return inOrganization(stand, HOME, { path: { invitationId }, resource: { type: 'invitation', id: invitationId } });
  },
  'DELETE /v1/organizations/{organization}/invitations/{invitationId}': async ({ stand }) => {
    const invitationId = await invited(stand, HOME);
    return inOrganization(stand, HOME, { path: { invitationId }, resource: { type: 'invitation', id: invitationId } });
  },
  'POST /v1/invitations/accept': async ({ stand }) => {
    const token = await stand.linkOf(await invited(stand, HOME));
    return { by: stand.browser(), body: { token, name: 'Invited', password: 'a passphrase of a sample' }, resource: { type: 'user' } };
  },
  'POST /v1/account/invitations': async (cast) => {
    const person = await cast.stand.person();
    const token = await cast.stand.linkOf(await invited(cast.stand, await another(cast.stand), person.account.email));
    return cast.own(person, { body: { token } });
  },
  'POST /v1/admin/users': async ({ stand }) => inOrganization(stand, HOME, { body: { email: 'created@example.com' }, resource: { type: 'invitation' } }),
};

const RULES: Readonly<Record<string, Make>> = {
  'GET /v1/organizations/{organization}/roles': reads,
  'POST /v1/organizations/{organization}/roles': async ({ stand }) => inOrganization(stand, HOME, { body: { role: 'sample', description: 'A sample', grants: GRANTS } }),
  'PUT /v1/organizations/{organization}/roles/{role}': async ({ stand }) =>
    inOrganization(stand, HOME, { path: { role: await defined(stand) }, body: { description: 'Another', grants: [{ permission: 'role.read', scope: 'organization' }] } }),
  'DELETE /v1/organizations/{organization}/roles/{role}': async ({ stand }) => inOrganization(stand, HOME, { path: { role: await defined(stand) } }),
  'GET /v1/organizations/{organization}/policy': reads,
  'PUT /v1/organizations/{organization}/policy': async ({ stand }) => inOrganization(stand, HOME, { body: { policy: { sessionLifeHours: 2_000 } }, resource: { type: 'policy', id: HOME } }),
  'GET /v1/admin/policy': reads,
  'PUT /v1/admin/policy': async ({ stand }) => inOrganization(stand, HOME, { body: { policy: { sessionLifeHours: 2_100, isSmsAllowed: true } }, resource: { type: 'policy', id: 'installation' } }),
  'GET /v1/admin/mail': reads,
};

export const ORGANIZATION_SAMPLES: Readonly<Record<string, Make>> = { ...ORGANIZATIONS, ...MEMBERS, ...RULES };
