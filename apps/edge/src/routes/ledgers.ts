import type { PermissionId } from '@countersign/access';
import { consistencySchema, eventIdSchema, FAULTS_OF_KEYS, ledgerSchema, recordedEventSchema, searchPageSchema, searchQuerySchema, tenantSchema, type PartView, type RecordedEvent, type SearchPage } from '@countersign/contracts';
import { z } from 'zod';
import { authorise } from '../session/authorise.js';
import { IdentityClientError } from '@countersign/identity-client';
import type { Access, Answer, Call, Route, Upstreams } from './route.js';

/** What the ledger holds, for those who may see it. An organisation's ledger is the tenant of its name. */

const FAULTS = ['UNAUTHENTICATED', 'API_KEY_MALFORMED', ...FAULTS_OF_KEYS, 'FORBIDDEN', 'MFA_ENROLLMENT_REQUIRED', 'STEP_UP_REQUIRED', 'PASSWORD_CHANGE_REQUIRED', 'LEDGER_UNAVAILABLE'] as const;
const tenantParams = z.strictObject({ tenant: tenantSchema });
const wholeText = z.string().regex(/^(0|[1-9]\d{0,15})$/, 'must be a whole number');
/** The schemas of the ledger read texts; here they are checked and handed on as they came. */
const asText = <T extends z.ZodObject>(schema: T): z.ZodObject => z.strictObject(Object.fromEntries(Object.keys(schema.shape).map((name) => [name, z.string().max(256).optional()])));

const over = (permission: PermissionId): Access => ({ kind: 'permission', permission, target: ({ tenant }) => ({ organization: tenant! }) });
const path = ({ tenant }: Readonly<Record<string, string>>, rest = ''): string => `ledgers/${encodeURIComponent(tenant!)}${rest}`;

function queryOf(query: Readonly<Record<string, unknown>>): URLSearchParams {
  return new URLSearchParams(Object.entries(query).filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

async function json({ context, query, signal }: Call, { ledger }: Upstreams, at: string): Promise<unknown> {
  return (await ledger.get(at, queryOf(query), context.correlationId, signal)).json();
}

/** Bytes as the ledger gives them: an auditor's tools check them to the last one. */
async function passed({ context, signal }: Call, { ledger }: Upstreams, at: string): Promise<Answer> {
  const response = await ledger.get(at, new URLSearchParams(), context.correlationId, signal);
  const headers = Object.fromEntries(['cache-control', 'etag', 'content-disposition'].flatMap((name) => (response.headers.has(name) ? [[name, response.headers.get(name)!]] : [])));
  return { stream: { type: response.headers.get('content-type') ?? 'application/octet-stream', body: response.body!, headers } };
}

/** Without the permission, personal parts are named and not shown. */
function shown<T extends RecordedEvent>(event: T, call: Call): T {
  return mayReadPersonal(call) ? event : { ...event, parts: event.parts.map(withheld) };
}

function withheld(part: PartView): PartView {
  if (part.name !== 'personal' || part.state !== 'present') return part;
  const { value: _value, ...named } = part;
  return { ...named, state: 'unavailable', code: 'PERSONAL_PART_WITHHELD' };
}

function mayReadPersonal({ caller, params, nowMs }: Call): boolean {
  try {
    authorise(caller!, 'audit.read-personal', { organization: params['tenant']! }, nowMs);
    return true;
  } catch (error) {
    if (error instanceof IdentityClientError) return false;
    throw error;
  }
}

const reading = { method: 'GET', tag: 'ledgers', status: 200, emits: [], faults: FAULTS } as const;

export const LEDGER_ROUTES: readonly Route[] = [
  {
    ...reading, path: '/v1/ledgers/:tenant', limit: 'read', access: over('ledger.read'),
    summary: 'State of a ledger: size, latest checkpoint, verifier keys, verdict.',
    params: tenantParams, answer: ledgerSchema,
    handle: async (call, upstreams) => ({ body: await json(call, upstreams, path(call.params)) }),
  },
  {
    ...reading, path: '/v1/ledgers/:tenant/events', limit: 'read', access: over('audit.read'),
    summary: 'Search recorded events, newest first.',
    params: tenantParams, query: asText(searchQuerySchema), answer: searchPageSchema,
    handle: async (call, upstreams) => {
      const page = (await json(call, upstreams, path(call.params, '/events'))) as SearchPage;
      return { body: { ...page, events: page.events.map((event) => shown(event, call)) } };
    },
  },
  {
    ...reading, path: '/v1/ledgers/:tenant/entries/:index', limit: 'read', access: over('audit.read'),
    summary: 'One recorded event.',
    params: z.strictObject({ tenant: tenantSchema, index: wholeText }), answer: recordedEventSchema,
    handle: async (call, upstreams) => ({ body: shown((await json(call, upstreams, path(call.params, `/entries/${call.params['index']!}`))) as RecordedEvent, call) }),
  },
  ...(['receipts', 'proofs'] as const).map((what): Route => ({
    ...reading, path: `/v1/ledgers/:tenant/${what}/:eventId`, limit: 'read', access: over('audit.prove'),
    summary: what === 'receipts' ? 'Receipt of an event.' : 'Proof that a signed checkpoint includes an event (C2SP tlog-proof).',
    params: z.strictObject({ tenant: tenantSchema, eventId: eventIdSchema }), answerType: what === 'receipts' ? 'application/json' : 'text/plain',
    handle: (call, upstreams) => passed(call, upstreams, path(call.params, `/${what}/${call.params['eventId']!}`)),
  })),
  {
    ...reading, path: '/v1/ledgers/:tenant/consistency', limit: 'read', access: over('audit.prove'),
    summary: 'Proof that a later tree extends an earlier one.',
    params: tenantParams, query: z.strictObject({ from: wholeText, to: wholeText.optional() }), answer: consistencySchema,
    handle: async (call, upstreams) => ({ body: await json(call, upstreams, path(call.params, '/consistency')) }),
  },
  {
    ...reading, path: '/v1/ledgers/:tenant/checkpoint', limit: 'tiles', access: over('ledger.read'),
    summary: 'The latest checkpoint (C2SP tlog-tiles).',
    params: tenantParams, answerType: 'text/plain',
    handle: (call, upstreams) => passed(call, upstreams, path(call.params, '/checkpoint')),
  },
  {
    ...reading, path: '/v1/ledgers/:tenant/tile/*', limit: 'tiles', access: over('ledger.read'),
    summary: 'Tiles and entry bundles (C2SP tlog-tiles).',
    params: z.strictObject({ tenant: tenantSchema, '*': z.string().regex(/^[a-z0-9]+(\/[a-z0-9.]+)+$/, 'must be the path of a tile').refine((text) => !text.includes('..'), 'must be the path of a tile') }),
    answerType: 'application/octet-stream',
    handle: (call, upstreams) => passed(call, upstreams, path(call.params, `/tile/${call.params['*']!}`)),
  },
  {
    ...reading, path: '/v1/ledgers/:tenant/export', limit: 'write', access: over('audit.export'),
    summary: 'A whole ledger, to be verified offline.',
    params: tenantParams, answerType: 'application/octet-stream',
    handle: (call, upstreams) => passed(call, upstreams, path(call.params, '/export')),
  },
];
