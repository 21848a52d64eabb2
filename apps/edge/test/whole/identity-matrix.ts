import { connectBus, type BusConnection } from '@countersign/bus';
import { nameOf, validSample, wanted, type ApiRoute, type Browser } from '@countersign/devstack';
import { IdentityClient, IdentityClientError } from '@countersign/identity-client';
import { withClient } from '@countersign/postgres';
import { ROUTES } from '../../src/routes/index.js';
import type { Call, Route, Upstreams } from '../../src/routes/route.js';
import { inTurns } from './in-turns.js';
import { reaches, type RecordedGrants } from './recorded-grants.js';
import { RELATIONS, type Relation, type Values } from './samples.js';
import { ELSEWHERE, HOME, type WholeStand } from './whole-stand.js';

/** Under such correlation ids identity stores nothing but denials: what is let through is stopped at the last step, and counted, which no rollback undoes. */
const PROBE = 'probe.';
const TRAP_SQL = `
  CREATE SEQUENCE public.probe_hits;
  CREATE FUNCTION public.probe_trap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    PERFORM nextval('public.probe_hits'); RAISE EXCEPTION 'a probe was let through' USING ERRCODE = 'P0001'; END $$;
  CREATE TRIGGER probe_trap BEFORE INSERT ON public.events FOR EACH ROW
  WHEN (NEW.event LIKE '%"correlationId":"${PROBE}%' AND NEW.type <> 'identity.request.denied') EXECUTE FUNCTION public.probe_trap();`;
const FREE_SQL = 'DROP TRIGGER probe_trap ON public.events; DROP FUNCTION public.probe_trap(); DROP SEQUENCE public.probe_hits';
/** Said to whoever may not. */
const DENIED: ReadonlySet<string> = new Set(['FORBIDDEN', 'TARGET_OUTRANKS', 'GRANT_EXCEEDS_OWN']);
const ANSWERED = 'an answer';
const TRAPPED = 'IDENTITY_INTERNAL';
/** What whoever may is told, of what is not there or not so; nothing else but an answer or the trap. */
const LET_THROUGH: ReadonlySet<string> = new Set([
  ANSWERED, TRAPPED, 'ATTEMPTS_LOCKED', 'INVITATION_UNKNOWN', 'LAST_FACTOR', 'MEMBER_UNKNOWN', 'MFA_NOT_ENROLLED', 'ORGANIZATION_TAKEN', 'ORGANIZATION_UNKNOWN', 'PASSKEY_REFUSED',
  'PASSKEY_UNKNOWN', 'PHONE_NOT_ENROLLED', 'ROLE_GRANTS_INVALID', 'ROLE_UNKNOWN', 'SMS_FORBIDDEN', 'TOTP_ENROLLED',
]);
/** They hash passwords, or codes: who may not do them is known without asking under each role. */
const SLOW: ReadonlySet<string> = new Set(['POST /v1/account/password', 'POST /v1/account/backup-codes', 'POST /v1/account/step-up']);
/** What identity is asked for, where the schema alone says too little. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/admin/users/{userId}/roles': { role: 'viewer' },
  'POST /v1/admin/users/{userId}/roles/revoke': { role: 'viewer' },
  'POST /v1/admin/service-accounts/{accountId}/roles': { role: 'service', organization: HOME },
  'POST /v1/admin/service-accounts/{accountId}/roles/revoke': { role: 'service', organization: HOME },
  'POST /v1/admin/service-accounts': { name: 'probe', organization: HOME },
  'POST /v1/account/api-keys': { name: 'x', grants: [{ permission: 'session.read', scope: 'own' }] },
  'POST /v1/admin/service-accounts/{accountId}/api-keys': { name: 'x', grants: [{ permission: 'event.write', scope: 'organization' }] },
};
type Need = 'own' | 'org' | 'all';
/** Where it is not the target in the path that is judged. */
const OTHER_NEEDS: Readonly<Record<string, (relation: Relation) => Need | 'nobody'>> = {
  // Of the organisation in which one acts.
  'GET /v1/admin/users': () => 'org',
  'POST /v1/admin/users': () => 'org',
  // A role on the platform is given over the platform, to whomever.
  'POST /v1/admin/users/{userId}/roles': () => 'all',
  'POST /v1/admin/users/{userId}/roles/revoke': () => 'all',
  // Somebody else has to do this.
  'POST /v1/admin/users/{userId}/mfa/reset': (relation) => (relation === 'own' ? 'nobody' : relation === 'other' ? 'org' : 'all'),
};

/** Who may do what as identity itself decides it, asked over the bus as edges ask it, past every edge. */
export class IdentityMatrix {
  #asked = 0;
  #trapped = 0;
  private constructor(
    private readonly stand: WholeStand,
    private readonly bus: BusConnection,
    private readonly upstreams: Upstreams,
    private readonly values: Readonly<Record<string, Values>>,
  ) {}

  static async open(stand: WholeStand, values: Readonly<Record<string, Values>>): Promise<IdentityMatrix> {
    const bus = await connectBus({ url: stand.stack.nats.url, nkeySeedFile: stand.stack.nats.users.edge, name: 'probe' });
    const upstreams = { identity: new IdentityClient({ bus, timeoutMs: 30_000 }) } as Upstreams;
    const real = { ...values, ...(await programs(stand)) };
    await withClient(stand.stack.databaseUrl('identity'), (client) => client.query(TRAP_SQL));
    return new IdentityMatrix(stand, bus, upstreams, real);
  }

  async close(): Promise<void> {
    await withClient(this.stand.stack.databaseUrl('identity'), (client) => client.query(FREE_SQL));
    await this.bus.close();
  }

  get asked(): number {
    return this.#asked;
  }

  /** How often the answer was that of the trap, and how often something fell into it: a fault of identity's own would look the same. */
  async trapped(): Promise<{ readonly told: number; readonly counted: number }> {
    const { rows } = await withClient(this.stand.stack.databaseUrl('identity'), (client) => client.query<{ hits: string }>('SELECT last_value AS hits FROM public.probe_hits'));
    return { told: this.#trapped, counted: Number(rows[0]!.hits) };
  }

  /** The cells that identity decides otherwise than docs/spec/access.md says, for whoever holds the role. */
  async judge(browser: Browser, held: { readonly role: string; readonly level: 'organization' | 'platform' } | undefined, grants: RecordedGrants): Promise<string[]> {
    const cells = this.stand.routes.flatMap((api) => {
      const route = ROUTES.find((one) => one.method === api.method && one.path.replace(/:([a-zA-Z]+)/g, '{$1}') === api.path);
      const isIdentitys = route?.operation !== undefined && api.access.kind !== 'public';
      if (!isIdentitys || (SLOW.has(nameOf(api)) && held !== undefined && held.role !== 'member')) return [];
      return RELATIONS.filter((relation) => relation === 'own' || api.path.includes('{')).map((relation) => ({ api, route, relation }));
    });
    this.#asked += cells.length;
    const wrong = await inTurns(cells, async ({ api, route, relation }) => {
      const came = await this.#ask(browser, api, route, relation);
      const isExpected = this.#isAllowed(api, held, relation, grants);
      if (came === TRAPPED) this.#trapped += 1;
      return !(isExpected ? LET_THROUGH : DENIED).has(came) ? `${held === undefined ? 'nobody' : `${held.role} (${held.level})`}: ${nameOf(api)}, ${relation}: ${isExpected ? 'to be let through' : 'to be denied'}, and came: ${came}` : undefined;
    });
    return wrong.filter((one) => one !== undefined);
  }

  async #ask(browser: Browser, api: ApiRoute, route: Route, relation: Relation): Promise<string> {
    const params = Object.fromEntries([...api.path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => [name!, this.values[name!]![relation]]));
    const body = BODIES[nameOf(api)] ?? (api.body === undefined ? {} : validSample(api.body, nameOf(api)));
    const { ip = '192.0.2.1', userAgent = '' } = browser.options;
    const context = { ip, userAgent, session: browser.cookies.get('__Host-session')!, device: browser.cookies.get('__Host-device')!, correlationId: `${PROBE}${String(this.#asked)}` };
    const call: Call = { params, query: {}, body: route.body?.parse(body) ?? {}, context, caller: undefined, signal: new AbortController().signal, nowMs: Date.now() };
    try {
      await route.handle(call, this.upstreams);
      return ANSWERED;
    } catch (error) {
      if (error instanceof IdentityClientError) return error.code;
      throw error;
    }
  }

  #isAllowed(api: ApiRoute, held: { readonly role: string; readonly level: 'organization' | 'platform' } | undefined, relation: Relation, grants: RecordedGrants): boolean {
    const permission = api.access.permission ?? api.access.asks;
    if (permission === undefined) return true;
    const need = needOf(api, relation);
    return held !== undefined && need !== 'nobody' && reaches(grants.reach(held.role, held.level, permission), need);
  }
}

function needOf(api: ApiRoute, relation: Relation): Need | 'nobody' {
  const { access, path } = api;
  const other = OTHER_NEEDS[nameOf(api)]?.(relation);
  if (other !== undefined) return other;
  const there = relation === 'elsewhere' ? 'all' : 'org';
  if (path.includes('{organization}') || path.includes('{accountId}') || path.includes('{keyId}')) return there;
  if (path.includes('{userId}') || path.includes('{sessionId}')) return relation === 'own' ? 'own' : there;
  if (access.kind === 'session') return 'own';
  return access.over?.organization === undefined ? 'all' : 'org';
}

/** A service account of each organisation with a key of its own. */
async function programs(stand: WholeStand): Promise<{ readonly accountId: Values; readonly keyId: Values }> {
  const made = async (name: string) => {
    const { browser } = stand.admin;
    const accountId = wanted(await browser.post('/v1/admin/service-accounts', { name, organization: HOME }), 201).json['accountId'] as string;
    wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/roles`, { role: 'service', organization: HOME }), 204);
    const { apiKey } = wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/api-keys`, { name: 'x', grants: [{ permission: 'event.write', scope: 'organization' }] }), 201).json as unknown as { readonly apiKey: { readonly keyId: string } };
    return { accountId, keyId: apiKey.keyId };
  };
  const [here, there] = [await made('probe-here'), await made('probe-there')];
  await withClient(stand.stack.databaseUrl('identity'), async (client) => {
    for (const table of ['service_accounts', 'service_account_roles', 'api_keys']) await client.query(`UPDATE ${table} SET organization = $2 WHERE account_id = $1`, [there.accountId, ELSEWHERE]);
  });
  const of = (each: 'accountId' | 'keyId'): Values => ({ own: here[each], other: here[each], elsewhere: there[each] });
  return { accountId: of('accountId'), keyId: of('keyId') };
}
