import { FAULTS_OF_KEYS, HTTP_SOURCE, ingestedEventSchema, ingestResultsSchema, type IngestResult } from '@countersign/contracts';
import { z } from 'zod';
import { EdgeFault } from '../http/edge-fault.js';
import type { IntakeOutcome, OutgoingEvent } from '../ingest/http-intake.js';
import { EVENT_TYPES, EVENTS_MAX, readEvents, type ReadEvent, type Sender } from '../ingest/read-events.js';
import { LedgerRefusal } from '../upstream/ledger-client.js';
import type { Answer, Call, Route, Upstreams } from './route.js';

/** Events of services without NATS. An answer tells of each event the ledger's own receipt, or why there is none. */
export const EVENT_ROUTES: readonly Route[] = [
  {
    method: 'POST', path: '/v1/events', tag: 'events', limit: 'events',
    summary: 'Record events in the ledger of your organisation: 200 when all are recorded, 207 when some are, 422 when none is.',
    access: {
      kind: 'permission',
      permission: 'event.write',
      only: 'service-account',
      target: (_params, { organization }) => (organization === undefined ? {} : { organization }),
    },
    body: z.union([ingestedEventSchema, z.array(ingestedEventSchema).min(1).max(EVENTS_MAX)]),
    rawTypes: EVENT_TYPES,
    status: 200,
    otherStatuses: [207, 422],
    answer: ingestResultsSchema,
    emits: [`${HTTP_SOURCE}.*`],
    faults: ['UNAUTHENTICATED', 'API_KEY_MALFORMED', ...FAULTS_OF_KEYS, 'FORBIDDEN', 'EVENTS_TOO_MANY', 'INTAKE_OVERLOADED', 'RECEIPT_OUTSTANDING', 'LEDGER_UNAVAILABLE', 'IDENTITY_UNAVAILABLE'],
    handle: recordEvents,
  },
];

async function recordEvents({ body, caller, signal }: Call, { intake }: Upstreams): Promise<Answer> {
  const { type, bytes } = body as { readonly type: string; readonly bytes: Uint8Array };
  const sender = senderOf(caller!);
  const read = readEvents(type, bytes, sender);
  const good = read.filter((event): event is ReadEvent & OutgoingEvent => 'content' in event);
  const outcomes = (await intake.record(caller!.name, sender.tenant, good, signal)).values();
  const results = read.map((event) => ('content' in event ? resultOf(event.id, outcomes.next().value!) : refusal(event)));
  return answerOf(results);
}

/** Who may call has both: only accounts have a name, and the permission is asked for over an organisation. */
function senderOf({ principal }: NonNullable<Call['caller']>): Sender {
  if (principal.kind !== 'service-account' || principal.serviceName === undefined || principal.organization === undefined) throw new EdgeFault('INTERNAL', 'a sender without a name');
  return { service: principal.serviceName, tenant: principal.organization };
}

function answerOf(results: readonly IngestResult[]): Answer {
  const is = (...statuses: readonly IngestResult['status'][]): boolean => results.every(({ status }) => statuses.includes(status));
  const [first] = results;
  // Nothing is known of any: there is nothing to tell apart.
  if (is('unknown') && first?.status === 'unknown') throw new EdgeFault(first.code, 'the ledger has not said whether it has them; send the same again');
  if (results.length === 1 && first?.status === 'refused') throw new LedgerRefusal({ code: first.code, status: 422, detail: first.detail, ...(first.field === undefined ? {} : { field: first.field }) });
  return { body: { results }, status: is('recorded', 'repeated') ? 200 : is('refused') ? 422 : 207 };
}

const resultOf = (id: string, outcome: IntakeOutcome): IngestResult => ({ id, ...outcome });

function refusal(event: Extract<ReadEvent, { readonly code: string }>): IngestResult {
  const { id, code, field, detail } = event;
  return { ...(id === undefined ? {} : { id }), status: 'refused', code, ...(field === undefined ? {} : { field }), detail };
}
