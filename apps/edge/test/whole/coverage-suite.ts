import { describe, expect, it } from '@jest/globals';
import { nameOf, pathOf, type ApiRoute, type BrowserAnswer } from '@countersign/devstack';
import { Cast, type Sample } from './cast.js';
import { inTurns } from './in-turns.js';
import { SAMPLES } from './samples.js';
import type { LedgerEvent, WholeStand } from './whole-stand.js';

const CALLS_AT_ONCE = 4;

interface Called {
  readonly route: ApiRoute;
  readonly sample: Sample;
  readonly answer: BrowserAnswer;
  readonly correlationId: string;
}

/** A4: whatever an admin or account route does is in the ledger, with who did it, from where, with what, and to what. */
export function coverageSuite(open: () => WholeStand): void {
  describe('every route', () => {
    it('has a sample in test/whole/samples.ts, and every sample a route', () => {
      expect(Object.keys(SAMPLES).sort()).toEqual(open().routes.map(nameOf).sort());
    });

    it('does what it is for, and what it changes is in the ledger with actor, address, agent and resource', async () => {
      const stand = open();
      const cast = new Cast(stand);
      const called = await inTurns(stand.routes, async (route) => call(route, await SAMPLES[nameOf(route)]!(cast)), CALLS_AT_ONCE);
      expect(called.filter(({ answer }) => answer.status >= 300).map(({ route, answer }) => `${nameOf(route)}: ${String(answer.status)} ${answer.text}`)).toEqual([]);
      // What programs send is in the ledger of their organisation, and the answer is its receipt.
      const mutations = called.filter(({ route }) => route.emits.length > 0 && route.access.only === undefined);
      expect(mutations.length).toBeGreaterThan(10);
      const recorded = await stand.eventsOnce((events) => mutations.every((one) => missing(one, events).length === 0));
      expect(mutations.flatMap((one) => missing(one, recorded))).toEqual([]);
    });
  });
}

async function call(route: ApiRoute, sample: Sample): Promise<Called> {
  if (sample.before !== undefined) return { route, sample, ...sample.before };
  const correlationId = `coverage.${nameOf(route).replace(/[^a-zA-Z]+/g, '-')}`;
  const path = `${pathOf(route.path, sample.path ?? {})}${sample.query ?? ''}`;
  const answer = await sample.by.ask(route.method, path, { headers: { ...sample.headers, 'x-correlation-id': correlationId }, ...(sample.body === undefined ? {} : { body: sample.body }) });
  return { route, sample, answer, correlationId };
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
