import { describe, expect, it } from '@jest/globals';
import { nameOf, pathOf, type ApiRoute, type BrowserAnswer } from '@countersign/devstack';
import { ROUTES } from '../../src/routes/index.js';
import { Cast, type Sample } from './cast.js';
import { inTurns } from './in-turns.js';
import { SAMPLES } from './samples.js';
import type { LedgerEvent, WholeStand } from './whole-stand.js';

const CALLS_AT_ONCE = 4;
const SECRET = new Set(ROUTES.filter(({ answersSecret }) => answersSecret === true).map(({ method, path }) => `${method} ${path.replace(/:([a-zA-Z]+)/g, '{$1}')}`));
/** Under which requests are sent again. */
const AGAIN = 'again.';
/** What they are answered: where it is not the first answer, the reason is told in ADR 0027. */
const OTHER_ANSWERS: Readonly<Record<string, string>> = { 'POST /v1/sign-out': '401 UNAUTHENTICATED' };

interface Called {
  readonly route: ApiRoute;
  readonly sample: Sample;
  readonly answer: BrowserAnswer;
  readonly correlationId: string;
  /** To the same request under the same Idempotency-Key, after the edge that knew of it has died; undefined: the key means nothing there. */
  readonly again?: BrowserAnswer;
}

/** A4: whatever an admin or account route does is in the ledger, with who did it, from where, with what, and to what. */
export function coverageSuite(open: () => WholeStand): void {
  describe('every route', () => {
    it('has a sample in test/whole/samples.ts, and every sample a route', () => {
      expect(Object.keys(SAMPLES).sort()).toEqual(open().routes.map(nameOf).sort());
    });

    let called: readonly Called[] = [];

    it('does what it is for, and what it changes is in the ledger with actor, address, agent and resource', async () => {
      const stand = open();
      const cast = new Cast(stand);
      stand.answers.doesForget = true;
      called = await inTurns(stand.routes, async (route) => call(route, await SAMPLES[nameOf(route)]!(cast)), CALLS_AT_ONCE);
      expect(called.filter(({ answer }) => answer.status >= 300).map(({ route, answer }) => `${nameOf(route)}: ${String(answer.status)} ${answer.text}`)).toEqual([]);
      // What programs send is in the ledger of their organisation, and the answer is its receipt.
      const mutations = called.filter(({ route }) => route.emits.length > 0 && route.access.only === undefined);
      expect(mutations.length).toBeGreaterThan(10);
      const recorded = await stand.eventsOnce((events) => mutations.every((one) => missing(one, events).length === 0));
      expect(mutations.flatMap((one) => missing(one, recorded))).toEqual([]);
    });

    it('that changes something does it once under one Idempotency-Key, whichever edge asks again', async () => {
      const stand = open();
      stand.answers.doesForget = false;
      const asked = called.filter(({ again }) => again !== undefined);
      expect(asked.map(({ route }) => nameOf(route))).toEqual(stand.routes.filter(hasKeys).map(nameOf));
      expect(asked.map(({ route, again }) => `${nameOf(route)}: ${told(again!)}`)).toEqual(asked.map(({ route, answer }) => `${nameOf(route)}: ${OTHER_ANSWERS[nameOf(route)] ?? (SECRET.has(nameOf(route)) ? '409 IDEMPOTENCY_ANSWER_NOT_KEPT' : told(answer))}`));
      expect(await stand.storedUnder(AGAIN)).toEqual([]);
    });
  });
}

async function call(route: ApiRoute, sample: Sample): Promise<Called> {
  if (sample.before !== undefined) return { route, sample, ...sample.before };
  const correlationId = `coverage.${nameOf(route).replace(/[^a-zA-Z]+/g, '-')}`;
  const path = `${pathOf(route.path, sample.path ?? {})}${sample.query ?? ''}`;
  const ask = (id: string) => sample.by.ask(route.method, path, { headers: { ...sample.headers, 'x-correlation-id': id, ...(hasKeys(route) ? { 'idempotency-key': correlationId } : {}) }, ...(sample.body === undefined ? {} : { body: sample.body }) });
  const answer = await ask(correlationId);
  return { route, sample, answer, correlationId, ...(hasKeys(route) ? { again: await ask(`${AGAIN}${correlationId}`) } : {}) };
}

/** A key belongs to whoever asks: nobody's means nothing. Events are known by their own ids. */
const hasKeys = ({ emits, access }: ApiRoute): boolean => emits.length > 0 && access.kind !== 'public' && access.only === undefined;

/** How many sessions were ended is known the first time alone. */
function told({ status, json: { code, revoked: _revoked, ...rest } }: BrowserAnswer): string {
  return status < 300 ? `${String(status)} ${JSON.stringify(rest)}` : `${String(status)} ${code ?? ''}`;
}

/** What of an action is not on record; nothing when all is. */
function missing({ route, sample, correlationId }: Called, recorded: readonly LedgerEvent[]): string[] {
  const { ip, userAgent } = sample.by.options;
  const of = recorded.filter((event) => event.correlationId === correlationId && route.emits.includes(event.type));
  const isWhole = ({ actor, resource, personal }: LedgerEvent): boolean =>
    actor.type === (sample.isStranger === true ? 'service' : 'user') &&
    (sample.actor === undefined || actor.id === sample.actor) &&
    resource !== undefined &&
    resource.type === sample.resource?.type &&
    (sample.resource.id === undefined || resource.id === sample.resource.id) &&
    personal.some(({ value }) => value['ip'] === ip && value['userAgent'] === userAgent);
  return of.some(isWhole) ? [] : [`${nameOf(route)} by ${sample.actor ?? 'somebody'} from ${ip ?? ''}: ${JSON.stringify(of)}`];
}
