import type { Outcome, Severity } from '@countersign/chain';
import type { EmitInput } from '@countersign/client';

/** One event of the demonstration, and the service that emits it. */
export interface DemoEvent {
  readonly source: DemoSource;
  readonly input: EmitInput;
}

export const DEMO_SOURCES = ['accounts', 'billing', 'documents'] as const;
export type DemoSource = (typeof DEMO_SOURCES)[number];
export const DEMO_TENANTS = ['acme', 'globex'] as const;

interface Kind {
  /** How often, relative to the others. */
  readonly weight: number;
  readonly source: DemoSource;
  /** Without the source. */
  readonly type: string;
  readonly severity?: Severity;
  readonly outcome?: Outcome;
  readonly resource?: string;
  /** Whether the event carries facts about the person. */
  readonly personal: boolean;
}

const KINDS: readonly Kind[] = [
  { weight: 24, source: 'accounts', type: 'session.created', resource: 'session', personal: true },
  { weight: 9, source: 'accounts', type: 'session.ended', resource: 'session', personal: false },
  { weight: 6, source: 'accounts', type: 'login.rejected', severity: 'notice', outcome: 'failure', personal: true },
  { weight: 2, source: 'accounts', type: 'account.locked', severity: 'warning', outcome: 'denied', personal: true },
  { weight: 2, source: 'accounts', type: 'role.granted', severity: 'notice', resource: 'role', personal: false },
  { weight: 1, source: 'accounts', type: 'totp.enrolled', severity: 'notice', personal: true },
  { weight: 10, source: 'billing', type: 'invoice.issued', resource: 'invoice', personal: false },
  { weight: 8, source: 'billing', type: 'invoice.paid', resource: 'invoice', personal: false },
  { weight: 2, source: 'billing', type: 'payment.declined', severity: 'notice', outcome: 'failure', resource: 'invoice', personal: false },
  { weight: 22, source: 'documents', type: 'document.viewed', resource: 'document', personal: true },
  { weight: 8, source: 'documents', type: 'document.edited', resource: 'document', personal: false },
  { weight: 3, source: 'documents', type: 'document.shared', severity: 'notice', resource: 'document', personal: true },
  { weight: 2, source: 'documents', type: 'access.refused', severity: 'warning', outcome: 'denied', resource: 'document', personal: true },
  { weight: 1, source: 'documents', type: 'export.requested', severity: 'notice', resource: 'document', personal: true },
];
const WEIGHT_TOTAL = KINDS.reduce((total, { weight }) => total + weight, 0);
const AGENTS = ['Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0', 'Mozilla/5.0 (Macintosh) Safari/605.1.15', 'countersign-mobile/4.2 (Android 16)'];
const PEOPLE = 400;
const THINGS = 2_000;

/** The same events for the same seed, but for ids and times, which the client gives. */
export function* workload(events: number, seed: number): Generator<DemoEvent> {
  const next = dice(seed);
  for (let i = 0; i < events; i++) yield eventOf(kindAt(next(WEIGHT_TOTAL)), next);
}

function eventOf(kind: Kind, next: Dice): DemoEvent {
  const person = `u-${1_000 + next(PEOPLE)}`;
  const tenant = DEMO_TENANTS[next(3) === 0 ? 1 : 0];
  const isService = kind.source === 'billing';
  const personal = { ip: `192.0.2.${next(256)}`, userAgent: AGENTS[next(AGENTS.length)]!, email: `${person}@example.com` };
  const input: EmitInput = {
    tenant,
    type: `${kind.source}.${kind.type}`,
    actor: isService ? { type: 'service', id: kind.source } : { type: 'user', id: person },
    severity: kind.severity ?? 'info',
    outcome: kind.outcome ?? 'success',
    correlationId: `req-${next(2 ** 31).toString(36)}`,
    data: isService ? { amountCents: 500 + next(100_000), currency: 'EUR' } : { client: ['web', 'mobile', 'api'][next(3)]!, attempt: 1 + next(3) },
    ...(kind.resource === undefined ? {} : { resource: { type: kind.resource, id: `${kind.resource}-${1 + next(THINGS)}` } }),
    ...(kind.personal ? { personal: [{ subject: person, data: personal }] } : {}),
  };
  return { source: kind.source, input };
}

function kindAt(ticket: number): Kind {
  let left = ticket;
  return KINDS.find(({ weight }) => (left -= weight) < 0)!;
}

type Dice = (sides: number) => number;


/** Mulberry32: small, and the same on every machine. For a demonstration, not for secrets. */
function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * sides);
  };
}
