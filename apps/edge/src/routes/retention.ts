import type { PermissionId } from '@countersign/access';
import { RETENTION_OPERATIONS, type RetentionArgsInput, type RetentionOperation } from '@countersign/contracts';
import { z } from 'zod';
import { retentionRoute } from './retention-route.js';
import type { Access, Call, Route } from './route.js';

/** Retention: policies, legal holds, and types of data of services that are not the platform's, of the installation and of each organisation. */

type Operations = typeof RETENTION_OPERATIONS;
const { organization } = RETENTION_OPERATIONS['policy-list'].args.shape;
const opaque = (what: string) => z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, `must be ${what}`);
const limit = z.string().regex(/^[1-9]\d{0,2}$/, 'must be 1 to 200').transform(Number).refine((count) => count <= 200, 'must be 1 to 200').optional();

/** Over the organisation that the path names, or the installation; retention decides again. */
const over = (permission: PermissionId): Access => ({ kind: 'permission', permission, target: ({ organization }) => (organization === undefined ? {} : { organization }) });

/** Below each of these lie the same routes. */
const PLACES = [
  { prefix: '/v1/retention', of: 'of the installation', params: {} },
  { prefix: '/v1/organizations/:organization/retention', of: 'of the organisation', params: { organization: organization.unwrap() } },
] as const;

interface Given<O extends RetentionOperation> {
  readonly method: Route['method'];
  /** Below the place. */
  readonly path: string;
  readonly permission: PermissionId;
  readonly summary: string;
  readonly params?: Readonly<Record<string, z.ZodType>>;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly status?: 200 | 201;
  readonly answers?: true;
  /** Default: what path, query and body say. */
  readonly args?: (call: Call) => RetentionArgsInput<O>;
}

function routes<O extends RetentionOperation>(operation: O, { path, permission, params: own = {}, query, answers, summary, ...given }: Given<O>): Route[] {
  return PLACES.map(({ prefix, of, params }) => {
    const named = { ...params, ...own };
    return retentionRoute(operation, {
      ...given,
      tag: 'retention',
      path: `${prefix}${path}`,
      summary: `${summary} (${of}).`,
      access: over(permission),
      limit: given.method === 'GET' ? 'read' : 'write',
      ...(Object.keys(named).length === 0 ? {} : { params: z.strictObject(named) }),
      ...(query === undefined ? {} : { query: z.strictObject(query) }),
      ...(given.method === 'GET' ? {} : bodyOf(operation, named)),
      args: given.args ?? (({ params: inPath, query: asked, body }) => ({ ...inPath, ...asked, ...(body as object) }) as RetentionArgsInput<O>),
      ...(answers === undefined ? {} : { tell: { schema: RETENTION_OPERATIONS[operation].result, pick: (result) => result } }),
    });
  });
}

/** The arguments of an operation without what the path says, and the organisation. */
function bodyOf(operation: keyof Operations, inPath: object): { readonly body?: z.ZodType } {
  const { shape } = RETENTION_OPERATIONS[operation].args as z.ZodObject;
  const rest = Object.entries(shape).filter(([name]) => name !== 'organization' && !Object.hasOwn(inPath, name));
  return rest.length === 0 ? {} : { body: z.strictObject(Object.fromEntries(rest)) };
}

const { policyId, after } = RETENTION_OPERATIONS['policy-dry-run'].args.shape;
/** As JSON. */
const rule = z.string().max(4_096).transform((text, found): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    found.addIssue({ code: 'custom', message: 'must be JSON' });
    return z.NEVER;
  }
}).pipe(RETENTION_OPERATIONS['policy-dry-run'].args.shape.rule.unwrap()).optional();
const PROPOSAL = { proposalId: opaque('a proposal id') };
const HOLD = { holdId: opaque('a hold id') };
const { resource: { shape: described }, clock, actions, at } = RETENTION_OPERATIONS.explain.args.shape;

const POLICIES = [
  ...routes('policy-list', { method: 'GET', path: '/policies', permission: 'retention.read', answers: true, summary: 'Retention policies, and proposals that wait for a second person' }),
  ...routes('policy-change', { method: 'POST', path: '/policies', permission: 'retention.change', answers: true, summary: 'Make, change or (without a rule) remove a policy; what may shorten waits for a second person' }),
  ...routes('policy-dry-run', {
    method: 'GET', path: '/dry-run', permission: 'retention.read', answers: true, summary: 'What a change of a policy, or a proposal, would do to what is held: counts and samples, part by part. Nothing is done',
    query: { rule, policyId, proposalId: PROPOSAL.proposalId.optional(), after },
  }),
  ...routes('proposal-approve', { method: 'POST', path: '/proposals/:proposalId/approve', permission: 'retention.change', params: PROPOSAL, summary: 'Agree to a proposal of somebody else' }),
  ...routes('proposal-withdraw', { method: 'POST', path: '/proposals/:proposalId/withdraw', permission: 'retention.change', params: PROPOSAL, summary: 'Withdraw or turn down a proposal' }),
  ...routes('explain', {
    method: 'GET', path: '/explain', permission: 'retention.read', answers: true, summary: 'What holds for a resource as it is described, and why',
    query: { ...described, clock, at, actions: z.string().max(64).transform((text) => text.split(',')).pipe(actions.unwrap()).optional() },
    args: ({ params, query }) => {
      const { clock, actions, at, ...resource } = query;
      return { ...params, resource, ...(clock === undefined ? {} : { clock }), ...(actions === undefined ? {} : { actions }), ...(at === undefined ? {} : { at }) } as RetentionArgsInput<'explain'>;
    },
  }),
];

const HOLDS = [
  ...routes('hold-list', {
    method: 'GET', path: '/holds', permission: 'retention.read', answers: true, summary: 'Legal holds, in pages; released ones only when asked for',
    query: { after: opaque('a hold id').optional(), limit, releasedToo: z.enum(['true', 'false']).transform((text) => text === 'true').optional() },
  }),
  ...routes('hold-place', { method: 'POST', path: '/holds', permission: 'hold.place', status: 201, answers: true, summary: 'Place a legal hold: in force at once, over every policy and every erasure' }),
  ...routes('hold-show', { method: 'GET', path: '/holds/:holdId', permission: 'retention.read', params: HOLD, answers: true, summary: 'A legal hold, with the events that prove when it was in force' }),
  ...routes('hold-ask-release', { method: 'POST', path: '/holds/:holdId/ask-release', permission: 'hold.release', params: HOLD, summary: 'Ask for its release; it stays in force until somebody else agrees' }),
  ...routes('hold-release', { method: 'POST', path: '/holds/:holdId/release', permission: 'hold.release', params: HOLD, summary: 'Agree to the release that somebody else has asked for' }),
  ...routes('hold-refuse-release', { method: 'POST', path: '/holds/:holdId/refuse-release', permission: 'hold.release', params: HOLD, summary: 'Turn the release down' }),
];

const TYPE = { type: RETENTION_OPERATIONS['type-withdraw'].args.shape.type };
const ORDER = { ...TYPE, orderId: opaque('an order id') };

const TYPES = [
  ...routes('type-list', { method: 'GET', path: '/types', permission: 'retention.read', answers: true, summary: 'Types of data that services of an organisation hold, and what waits for them' }),
  ...routes('type-register', { method: 'POST', path: '/types', permission: 'resource.report', answers: true, summary: 'Register a type of data that a service holds, or say anew what it is' }),
  ...routes('type-withdraw', { method: 'POST', path: '/types/:type/withdraw', permission: 'retention.change', params: TYPE, summary: 'Withdraw a type: nothing of it is ordered any more' }),
  ...routes('resources-report', { method: 'POST', path: '/types/:type/resources', permission: 'resource.report', params: TYPE, answers: true, summary: 'Report what is held of a type, and what is not there any more' }),
  ...routes('orders-fetch', { method: 'POST', path: '/types/:type/orders', permission: 'resource.report', params: TYPE, answers: true, summary: 'Fetch orders of deletion, to be carried out before they expire' }),
  ...routes('order-confirm', { method: 'POST', path: '/types/:type/orders/:orderId/confirm', permission: 'resource.report', params: ORDER, answers: true, summary: 'Say which resources of an order are gone' }),
  ...routes('order-refuse', { method: 'POST', path: '/types/:type/orders/:orderId/refuse', permission: 'resource.report', params: ORDER, summary: 'Say that an order is not carried out' }),
];

export const RETENTION_ROUTES: readonly Route[] = [...POLICIES, ...HOLDS, ...TYPES];
