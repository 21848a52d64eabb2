import { describe, expect, it } from '@jest/globals';
import { PERMISSIONS } from '@countersign/access';
import { CUSTOM_ROLES_MAX, policySchema } from '@countersign/contracts';
import { IdentityFault } from '../src/domain/identity-fault.js';
import { INVITATION_MS, invitationAggregate, type Invitation, type InvitationCommand } from '../src/domain/invitation.js';
import { memberAggregate, type Member, type MemberCommand } from '../src/domain/member.js';
import { organizationAggregate, type Organization, type OrganizationCommand } from '../src/domain/organization.js';
import { policyAggregate } from '../src/domain/policy.js';
import { expiryOf, isRenewalDue } from '../src/domain/session.js';
import { effectivePolicy } from '../src/policy/effective-policy.js';
import { MAIL_VALUES, writeMail, type MailTemplate } from '../src/mail/templates.js';

const HOUR_MS = 3_600_000;
const ORIGIN = { subject: 'actor', ip: '192.0.2.1', userAgent: 'Browser/1.0' };
type Bare<C, K extends string> = C extends unknown ? Omit<C, K | 'origin'> : never;
type OfOrganization = Bare<OrganizationCommand, 'organization'>;
type OfMember = Bare<MemberCommand, 'userId'>;
type OfInvitation = Bare<InvitationCommand, 'invitationId'>;

const organization = (command: OfOrganization, state: Organization | undefined) => organizationAggregate.decide({ ...command, organization: 'acme', origin: ORIGIN }, state);
const organizations = (...commands: readonly OfOrganization[]) =>
  commands.reduce<Organization | undefined>((state, command) => organization(command, state).reduce<Organization | undefined>((at, event) => organizationAggregate.evolve(at, event), state), undefined);
const member = (command: OfMember, state: Member) => memberAggregate.decide({ ...command, userId: 'u1', origin: ORIGIN }, state);
const members = (...commands: readonly OfMember[]) =>
  commands.reduce<Member>((state, command) => member(command, state).reduce((at, event) => memberAggregate.evolve(at, event), state), memberAggregate.initialState);
const invitation = (command: OfInvitation, state: Invitation | undefined) => invitationAggregate.decide({ ...command, invitationId: 'i1', origin: ORIGIN }, state);
const invitations = (...commands: readonly OfInvitation[]) =>
  commands.reduce<Invitation | undefined>((state, command) => invitation(command, state).reduce<Invitation | undefined>((at, event) => invitationAggregate.evolve(at, event), state), undefined);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IdentityFault) return error.code;
    throw error;
  }
  return 'none';
}

const CREATE: OfOrganization = { type: 'create', name: 'Acme' };
const DEFINE: OfOrganization = { type: 'define-role', role: 'reader', description: 'Reads', grants: [{ permission: 'audit.read', scope: 'organization' }] };
const READER = organizations(CREATE, DEFINE)!.roles.get('reader')!.permissions;
const CLOSE: OfOrganization = { type: 'close', reason: 'gone' };

describe('an organisation', () => {
  it.each<[string, string, OfOrganization, readonly OfOrganization[]]>([
    ['ORGANIZATION_TAKEN', 'made twice', CREATE, [CREATE]],
    ['ORGANIZATION_UNKNOWN', 'renamed before it is there', { type: 'rename', name: 'x' }, []],
    ['ORGANIZATION_CLOSED', 'renamed when it is closed', { type: 'rename', name: 'x' }, [CREATE, CLOSE]],
    ['ORGANIZATION_CLOSED', 'given a role when it is closed', DEFINE, [CREATE, CLOSE]],
    ['ROLE_TAKEN', 'given a role twice', DEFINE, [CREATE, DEFINE]],
    ['ROLE_TAKEN', 'given a role of the name of one of the product', { ...DEFINE, role: 'owner' }, [CREATE]],
    ['ROLE_UNKNOWN', 'relieved of a role that it does not have', { type: 'remove-role', role: 'reader', judged: READER }, [CREATE]],
    ['CONFLICT', 'relieved of a role that grants something else than was judged', { type: 'remove-role', role: 'reader', judged: '' }, [CREATE, DEFINE]],
    ['CONFLICT', 'given another meaning of a role than of the one that was judged', { ...DEFINE, type: 'change-role', judged: 'AA' }, [CREATE, DEFINE]],
    ['ROLE_GRANTS_INVALID', 'given a role with a permission that does not exist', { ...DEFINE, grants: [{ permission: 'no.such', scope: 'own' }] }, [CREATE]],
    ['ROLE_GRANTS_INVALID', 'given a role with what is only ever global', { ...DEFINE, grants: [{ permission: 'system.read', scope: 'organization' }] }, [CREATE]],
    ['ROLE_GRANTS_INVALID', 'given a role beyond itself', { ...DEFINE, grants: [{ permission: 'audit.read', scope: 'global' as 'own' }] }, [CREATE]],
    ['ROLES_TOO_MANY', 'given more roles than it may have', DEFINE, [CREATE, ...Array.from({ length: CUSTOM_ROLES_MAX }, (_, at): OfOrganization => ({ ...DEFINE, role: `r${at}` }))]],
  ])('%s: is not %s', (code, _what, command, before) => {
    expect(codeOf(() => organization(command, organizations(...before)))).toBe(code);
  });

  it('that is as asked already changes nothing', () => {
    const state = organizations(CREATE, DEFINE);
    expect([organization({ type: 'rename', name: 'Acme' }, state), organization({ ...DEFINE, type: 'change-role', judged: READER }, state), organization({ type: 'reopen' }, state)]).toEqual([[], [], []]);
  });

  it('goes on with its roles when it is opened again', () => {
    expect(organizations(CREATE, DEFINE, CLOSE, { type: 'reopen' })).toMatchObject({ state: 'open', roles: new Map([['reader', { description: 'Reads', permissions: READER }]]) });
  });
});

describe('a member', () => {
  const JOIN: OfMember = { type: 'join', roles: ['member'] };
  it.each<[string, string, OfMember, readonly OfMember[]]>([
    ['ALREADY_MEMBER', 'joins twice', JOIN, [JOIN]],
    ['MEMBER_UNKNOWN', 'removed before he joins', { type: 'remove', why: 'removed' }, []],
    ['MEMBER_UNKNOWN', 'given a role after he has left', { type: 'grant-role', role: 'admin' }, [JOIN, { type: 'remove', why: 'left' }]],
  ])('%s: who is no member is not %s', (code, _what, command, before) => {
    expect(codeOf(() => member(command, members(...before)))).toBe(code);
  });

  it('comes back without what he held before', () => {
    expect(members(JOIN, { type: 'grant-role', role: 'owner' }, { type: 'remove', why: 'removed' }, JOIN)).toEqual({ isMember: true, roles: new Set(['member']) });
  });
});

describe('an invitation', () => {
  const SEND: OfInvitation = { type: 'send', roles: ['member'], email: 'a@example.com', nowMs: 0 };
  const ACCEPT: OfInvitation = { type: 'accept', userId: 'u1', nowMs: 1 };
  it.each<[string, string, OfInvitation, readonly OfInvitation[]]>([
    ['INVITATION_UNKNOWN', 'before it is sent', ACCEPT, []],
    ['INVITATION_USED', 'twice', ACCEPT, [SEND, ACCEPT]],
    ['INVITATION_REVOKED', 'after it was withdrawn', ACCEPT, [SEND, { type: 'revoke', nowMs: 0 }]],
    ['INVITATION_EXPIRED', 'after seven days', { ...ACCEPT, nowMs: INVITATION_MS }, [SEND]],
    ['INVITATION_USED', 'and is then not withdrawn', { type: 'revoke', nowMs: 2 }, [SEND, ACCEPT]],
    ['INVITATION_REVOKED', 'and is not sent again when it was withdrawn', { type: 'resend', nowMs: 2 }, [SEND, { type: 'revoke', nowMs: 0 }]],
  ])('%s: is not accepted %s', (code, _what, command, before) => {
    expect(codeOf(() => invitation(command, invitations(...before)))).toBe(code);
  });

  it('is good again when it is sent again', () => {
    expect(codeOf(() => invitation({ ...ACCEPT, nowMs: INVITATION_MS }, invitations(SEND, { type: 'resend', nowMs: 1 })))).toBe('none');
  });

  it('has the address in a personal part alone', () => {
    const [event] = invitation(SEND, undefined);
    expect(JSON.stringify(event?.data)).not.toContain('a@example.com');
    expect(event?.personal?.[0]).toEqual({ subject: 'invitee-i1', data: { email: 'a@example.com' } });
  });
});

describe('a policy', () => {
  it('is a new version with each change, and none without', () => {
    const set = (version: number | undefined, passwordDays: number, state = policyAggregate.initialState) => policyAggregate.decide({ organization: undefined, policy: { passwordDays }, version, origin: ORIGIN }, state);
    const first = policyAggregate.evolve(policyAggregate.initialState, set(0, 90)[0]!);
    expect(first).toEqual({ version: 1, policy: { passwordDays: 90 } });
    expect(set(1, 90, first)).toEqual([]);
    expect(codeOf(() => set(0, 30, first))).toBe('CONFLICT');
  });

  it('of an organisation tightens that of the installation and never loosens it', () => {
    const none = effectivePolicy({}, []);
    expect(none).toMatchObject({ passwordDays: undefined, isMfaRequired: false, isSmsAllowed: false, invitationDomains: undefined });
    const strict = effectivePolicy({ passwordDays: 90, sessionIdleHours: 24, isSmsAllowed: true, invitationDomains: ['a.example', 'b.example'] }, [{ passwordDays: 365, sessionIdleHours: 2, sessionLifeHours: 2_160, isMfaRequired: true, isSmsAllowed: false, invitationDomains: ['b.example', 'c.example'] }]);
    expect(strict).toEqual({ passwordDays: 90, sessionIdleMs: 2 * HOUR_MS, sessionLifeMs: none.sessionLifeMs, isMfaRequired: true, isSmsAllowed: false, invitationDomains: ['b.example'] });
    expect(effectivePolicy({}, [{ isSmsAllowed: true }]).isSmsAllowed).toBe(false);
    expect(effectivePolicy({ isSmsAllowed: true }, [{}]).isSmsAllowed).toBe(true);
  });

  it.each([{ passwordDays: 0 }, { sessionIdleHours: 721 }, { sessionLifeHours: 2_161 }, { invitationDomains: ['no domain'] }, { invitationDomains: [] }, { isSmsAllowed: 'yes' }, { other: 1 }])('%j is none', (policy) => {
    expect(policySchema.safeParse(policy).success).toBe(false);
  });

  it('shortens sessions, and has them renewed in time', () => {
    const caps = { sessionIdleMs: 4 * HOUR_MS, sessionLifeMs: 10 * HOUR_MS };
    expect([expiryOf(0, 0, caps), expiryOf(0, 9 * HOUR_MS, caps)]).toEqual([4 * HOUR_MS, 10 * HOUR_MS]);
    expect([HOUR_MS - 1, HOUR_MS].map((nowMs) => isRenewalDue({ startedAtMs: 0, expiresAtMs: 4 * HOUR_MS }, nowMs, caps))).toEqual([false, true]);
  });
});

describe('a mail', () => {
  const values = (template: MailTemplate): Record<string, string> => Object.fromEntries(MAIL_VALUES[template].map((name) => [name, `v-${name}`]));

  it.each(Object.keys(MAIL_VALUES) as MailTemplate[])('%s says each of its values, and nothing of them in its subject', (template) => {
    const { subject, text } = writeMail(template, values(template));
    for (const value of Object.values(values(template))) expect(text).toContain(value);
    expect(`${subject}${text}`).not.toMatch(/\{\{|\}\}/);
    expect(subject).not.toContain('v-');
  });

  it.each<[string, Record<string, string>]>([
    ['a line break', { link: 'https://x\r\nBcc: a@b.c' }],
    ['a single line feed', { until: 'now\n' }],
    ['a value that it does not know', { extra: 'x' }],
    ['nothing', { link: '' }],
  ])('is not written with %s', (_what, change) => {
    expect(() => writeMail('invitation', { ...values('invitation'), ...change })).toThrow(RangeError);
  });
});

it('the permissions that a custom role may grant are those of an organisation', () => {
  const grants = PERMISSIONS.filter(({ scopes }) => scopes.some((scope) => scope === 'organization')).map(({ id }) => ({ permission: id, scope: 'organization' as const }));
  expect(codeOf(() => organization({ ...DEFINE, grants }, organizations(CREATE)))).toBe('none');
});
