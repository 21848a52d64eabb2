import { randomBytes } from 'node:crypto';
import { anyLeakCheck, backupCodes, hashingAdmission, LeakCorpus, rangeApiLeakCheck, type LeakCheck } from '@countersign/credentials';
import { HolderResponder, Orders, PersonResponder } from '@countersign/holder';
import { createOperations, type Readiness } from '@countersign/operations-http';
import { RetentionClient } from '@countersign/retention-client';
import { Gathering, RequestReceiver } from '@countersign/request-reply';
import { startRotation } from '@countersign/rotation';
import { ConfigError, type Logger, type ShutdownStep } from '@countersign/runtime';
import { changePasswordHandlers } from './account/change-password.js';
import { changeEmailHandlers } from './account/change-email.js';
import { profileHandlers } from './account/change-profile.js';
import { factorHandlers } from './account/remove-factors.js';
import { registerHandlers } from './account/register.js';
import { phoneHandlers } from './account/phone.js';
import { resetPasswordHandlers } from './account/reset-password.js';
import { setupHandlers } from './account/setup.js';
import { totpHandlers } from './account/totp.js';
import { mfaResetHandlers } from './administer/reset-mfa.js';
import { roleHandlers } from './administer/roles.js';
import { userHandlers } from './administer/users.js';
import { apiKeyHandlers } from './api-keys/api-keys.js';
import { LastUses } from './api-keys/last-uses.js';
import { serviceAccountHandlers } from './api-keys/service-accounts.js';
import { ShownKeys } from './api-keys/shown-keys.js';
import type { IdentityConfig } from './config.js';
import { Erasures } from './hold/erasures.js';
import { Restrictions } from './hold/restrictions.js';
import { IdentityHolder } from './hold/identity-holder.js';
import { letGoAgain, personHolder } from './hold/persons.js';
import { IndexKeys } from './keys/index-keys.js';
import { PersonalColumns } from './keys/personal-columns.js';
import { MailRelay } from './mail/mail-relay.js';
import { Notices } from './mail/notices.js';
import { MailOutbox } from './mail/outbox.js';
import { smtpTransport, type MailTransport } from './mail/smtp.js';
import { acceptHandlers } from './organization/accept.js';
import { customRoleHandlers } from './organization/custom-roles.js';
import { invitationHandlers } from './organization/invitations.js';
import { memberHandlers } from './organization/members.js';
import { ensureHome, organizationHandlers } from './organization/organizations.js';
import type { Flows } from './parts.js';
import { enrolPasskeyHandlers } from './passkeys/enrol-passkey.js';
import { keepPasskeyHandlers } from './passkeys/keep-passkeys.js';
import { policyHandlers } from './policy/policies.js';
import { Answers } from './request/answers.js';
import type { Handlers } from './request/asker.js';
import { denialHandlers, Denials } from './request/denials.js';
import { Repeated } from './request/repeated.js';
import { principalHandlers } from './vouch/principals.js';
import { edgeLeaseHandlers } from './revoke/edge-leases.js';
import { Revocations } from './revoke/revocations.js';
import { leakCheckMetric, serviceMetrics } from './service-metrics.js';
import { closeParts, openParts, SOURCE, type ServiceParts } from './service-parts.js';
import { sessionHandlers } from './session/sessions.js';
import { Guard } from './sign-in/guard.js';
import { passkeySignInHandlers } from './sign-in/passkey-sign-in.js';
import { smsSignInHandlers } from './sign-in/sms-sign-in.js';
import { Passwords } from './sign-in/passwords.js';
import { signInHandlers } from './sign-in/sign-in.js';
import { ENCRYPTED_COLUMNS } from './store/encrypted-columns.js';
import { ApiKeyRows } from './store/api-key-rows.js';
import { CommandRows } from './store/command-rows.js';
import { InvitationRows } from './store/invitation-rows.js';
import { ErasureRows } from './store/erasure-rows.js';
import { LeaseRows } from './store/lease-rows.js';
import { Links } from './store/link-rows.js';
import type { SmsProvider } from './sms/sms-provider.js';
import { WebhookSmsProvider } from './sms/webhook-provider.js';
import { PhoneRows } from './store/phone-rows.js';
import { PasskeyRows } from './store/passkey-rows.js';
import { MailRows } from './store/mail-rows.js';
import { MemberRows } from './store/member-rows.js';
import { OrganizationRows } from './store/organization-rows.js';
import { PolicyRows } from './store/policy-rows.js';
import { ServiceAccountRows } from './store/service-account-rows.js';
import { RestrictionRows } from './store/restriction-rows.js';
import { SessionRows } from './store/session-rows.js';
import { SignInRows } from './store/sign-in-rows.js';
import { UserRows } from './store/user-rows.js';

const ID_BYTES = 16;
/** Before requests are answered retention is asked once: while it is away nobody waits for longer. */
const RETENTION_MS_MAX = 3_000;
const USER_AGENT = 'countersign-identity';

export interface RunningIdentity {
  /** Where health and metrics are. */
  readonly url: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

export interface IdentityOptions {
  /** For tests: the time of requests. */
  readonly now?: () => Date;
}

/** Wires identity's flows together and starts them. Rejects when something that it needs is missing. */
export async function startIdentity(config: IdentityConfig, options: IdentityOptions = {}): Promise<RunningIdentity> {
  const parts = await openParts(config);
  try {
    return await start(parts, options.now ?? (() => new Date()));
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}

async function start(parts: ServiceParts, now: () => Date): Promise<RunningIdentity> {
  const { config, log, bus, registry } = parts;
  const metrics = serviceMetrics(parts);
  const leases = new LeaseRows(parts.pool);
  const revocations = new Revocations({ bus, leases, log });
  const retention = new RetentionClient({ bus, timeoutMs: RETENTION_MS_MAX });
  const erasures = erasuresOf(parts, retention);
  const restrictions = new Restrictions({ rows: new RestrictionRows(parts.pool), retention, registry, log });
  const flows = await flowsOf(parts, { leases, revocations, erasures, locked: metrics.locked });
  if (config.leakedPasswords === 'api' || config.leakedPasswordsFile !== undefined) leakCheckMetric(parts, flows.users);
  const gathering = new Gathering(log);
  const denials = new Denials({ ...flows, gathering });
  const lastUses = new LastUses(flows.apiKeys, log);
  const shownKeys = new ShownKeys({ ...flows, lastUses, gathering });
  const service = new Answers({
    now, denials, shownKeys, erasures,
    repeated: new Repeated({ flows, commands: new CommandRows(parts.pool) }),
    sessions: flows.sessions,
    handlers: handlersOf(flows, denials),
  });
  const receiver = new RequestReceiver({ bus, log, service, metrics: metrics.requests });
  const app = createOperations({ metrics: registry, readiness: () => readiness(parts) });
  const mailRelay = new MailRelay({ rows: flows.mails, columns: flows.columns, transport: mailTransport(parts), registry, log });
  await ensureHome(flows);
  await revocations.start();
  const holders = await startHolders(parts, flows, now);
  // Before the first request: nobody who was erased may come in because the database was put back. Until retention has told, keys tell.
  await Promise.all([erasures.start(letGoAgain(flows, parts.pool, now)), restrictions.start()]);
  await receiver.start();
  mailRelay.start();
  const rotation = startRotation({ columns: ENCRYPTED_COLUMNS, pool: parts.pool, keys: parts.keys, registry, log });
  const url = await app.listen({ host: config.httpHost, port: config.httpPort });
  log.info({ url }, 'identity is ready');
  const shutdown = [
    { name: 'wait for keys once', run: () => parts.keys.endSoon() },
    { name: 'stop requests', run: () => Promise.all([receiver.stop(), erasures.stop(), restrictions.stop(), holders.stop()]) },
    { name: 'write counts', run: () => Promise.all([gathering.stop(), lastUses.stop()]).then(() => undefined) },
    { name: 'stop mail', run: () => mailRelay.stop() },
    { name: 'stop revocations', run: () => revocations.stop() },
    { name: 'stop rotation', run: () => rotation.stop() },
    { name: 'close http', run: () => app.close() },
    { name: 'close stores and bus', run: () => closeParts(parts) },
  ];
  return { url, log, shutdown };
}

function handlersOf(flows: Flows, denials: Denials): Handlers {
  return {
    ...registerHandlers(flows),
    ...signInHandlers(flows),
    ...sessionHandlers(flows),
    ...totpHandlers(flows),
    ...enrolPasskeyHandlers(flows),
    ...keepPasskeyHandlers(flows),
    ...passkeySignInHandlers(flows),
    ...factorHandlers(flows),
    ...profileHandlers(flows),
    ...phoneHandlers(flows),
    ...smsSignInHandlers(flows),
    ...changeEmailHandlers(flows),
    ...resetPasswordHandlers(flows),
    ...setupHandlers(flows),
    ...mfaResetHandlers(flows),
    ...changePasswordHandlers(flows),
    ...userHandlers(flows),
    ...roleHandlers(flows),
    ...organizationHandlers(flows),
    ...memberHandlers(flows),
    ...invitationHandlers(flows),
    ...acceptHandlers(flows),
    ...customRoleHandlers(flows),
    ...policyHandlers(flows),
    ...apiKeyHandlers(flows),
    ...serviceAccountHandlers(flows),
    ...edgeLeaseHandlers(flows),
    ...principalHandlers(flows),
    ...denialHandlers(denials),
  };
}

function erasuresOf({ config: { tenant }, pool, keys, registry, log }: ServiceParts, retention: RetentionClient): Erasures {
  return new Erasures({ rows: new ErasureRows(pool), users: new UserRows(pool), columns: new PersonalColumns(keys.subjects, tenant), retention, tenant, registry, log });
}

/** Answers retention: what there is, what is to go, and all of one person. */
async function startHolders({ bus, pool, log, config }: ServiceParts, flows: Flows, now: () => Date): Promise<{ stop(): Promise<unknown> }> {
  const answering = { bus, service: SOURCE, onError: (error: unknown, operation: string) => log.error({ err: error, operation }, 'retention got no answer') };
  const holder = new IdentityHolder(pool, config.homeOrganization);
  const holders = [new HolderResponder({ ...answering, holder, orders: new Orders(pool, holder) }), new PersonResponder(answering, personHolder(flows, pool, now))];
  await Promise.all(holders.map((holder) => holder.start()));
  return { stop: () => Promise.all(holders.map((holder) => holder.stop())) };
}

async function flowsOf(parts: ServiceParts, own: Pick<Flows, 'leases' | 'revocations' | 'erasures'> & Pick<ConstructorParameters<typeof Guard>[0], 'locked'>): Promise<Flows> {
  const { config, pool, store, keys: keyService, attempts } = parts;
  const { tenant, homeOrganization, isRegistrationOpen, issuer } = config;
  const { leases, revocations, erasures, locked } = own;
  const newId = (): string => randomBytes(ID_BYTES).toString('base64url');
  const keys = new IndexKeys(keyService.client, tenant);
  const signIns = new SignInRows(pool);
  const admission = hashingAdmission();
  const columns = new PersonalColumns(keyService.subjects, tenant);
  const mail = new MailOutbox({ columns, newId });
  const users = new UserRows(pool);
  const notices = new Notices({ users, columns, mail });
  return {
    mail, notices, isMailConfigured: config.smtp !== undefined,
    mails: new MailRows(pool),
    organizations: new OrganizationRows(pool),
    members: new MemberRows(pool),
    invitations: new InvitationRows(pool),
    policies: new PolicyRows(pool),
    tenant, homeOrganization, isRegistrationOpen, issuer, store, keys, signIns, leases, revocations, erasures, newId,
    users,
    sessions: new SessionRows(pool),
    passkeys: new PasskeyRows(pool),
    links: new Links(pool, config.publicOrigin),
    phones: new PhoneRows(pool),
    sms: smsProvider(parts),
    relyingParty: { id: config.passkeyDomain, name: issuer, origin: config.publicOrigin },
    apiKeys: new ApiKeyRows(pool),
    serviceAccounts: new ServiceAccountRows(pool),
    columns,
    fields: keyService.fields,
    passwords: new Passwords({ keys, admission, iterations: config.passwordIterations, leakCheck: await leakCheckOf(config) }),
    backupCodes: backupCodes(admission),
    guard: new Guard({ notices, attempts, keys, signIns, store, tenant, newId, locked }),
  };
}

/** Messages that nobody could tell from a stranger's are not sent. */
function smsProvider({ config: { smsUrl }, secrets: { smsKey } }: ServiceParts): SmsProvider | undefined {
  if (smsUrl === undefined) return undefined;
  if (smsKey === undefined) throw new ConfigError([{ name: 'IDENTITY_SMS_KEY_FILE', problem: 'is missing: IDENTITY_SMS_URL is set' }]);
  return new WebhookSmsProvider({ fetch, url: smsUrl, key: smsKey, now: () => new Date() });
}

function mailTransport({ config: { smtp }, secrets }: ServiceParts): MailTransport | undefined {
  return smtp && smtpTransport({ ...smtp, password: () => secrets.smtpPassword?.() });
}

/** The file first: what it knows nobody else is asked. */
async function leakCheckOf({ leakedPasswords, leakedPasswordsUrl, leakedPasswordsFile }: IdentityConfig): Promise<LeakCheck> {
  const checks: LeakCheck[] = [];
  if (leakedPasswordsFile !== undefined) {
    const corpus = await LeakCorpus.open(leakedPasswordsFile);
    checks.push((password) => corpus.check(password));
  }
  if (leakedPasswords === 'api') checks.push(rangeApiLeakCheck({ fetch, userAgent: USER_AGENT, ...(leakedPasswordsUrl === undefined ? {} : { baseUrl: leakedPasswordsUrl }) }));
  return anyLeakCheck(checks);
}

async function readiness({ pool, bus }: ServiceParts): Promise<Readiness> {
  const database = await pool.query('SELECT 1').then(() => 'ok', () => 'unreachable');
  return { ready: database === 'ok' && bus.connected, checks: { database, bus: bus.connected ? 'ok' : 'disconnected' } };
}
