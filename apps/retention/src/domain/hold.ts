import type { JsonObject } from '@countersign/chain';
import { HOLD_SCOPE_BYTES_MAX, RELEASE_ASKED_MS, type HoldScopeView } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { parseQuery, RetentionRulesFault, type HoldScope } from '@countersign/retention-rules';
import { jsonOf } from './json-of.js';
import { RetentionFault } from './retention-fault.js';

/** One legal hold. Undefined: it was never placed. */
export interface LegalHold {
  readonly state: 'in-force' | 'released';
  /** Who has asked for the release; undefined: nobody. */
  readonly asked: { readonly by: string; readonly atMs: number } | undefined;
}

type Change =
  | { readonly type: 'place'; readonly matter: string; readonly scope: HoldScopeView; readonly custodian: string | undefined; readonly reason: string }
  | { readonly type: 'ask-release'; readonly reason: string }
  | { readonly type: 'release' }
  | { readonly type: 'refuse-release'; readonly reason: string };

export type HoldCommand = Change & { readonly holdId: string; readonly by: string; readonly nowMs: number; readonly origin: AskedFrom | undefined };

export interface HoldEvent extends DomainEvent {
  readonly type: `retention.hold.${'placed' | 'release-asked' | 'release-refused' | 'released'}`;
  readonly data: JsonObject;
}

export const holdAggregate = defineAggregate<LegalHold | undefined, HoldCommand, HoldEvent>({
  name: 'hold',
  initialState: undefined,
  decide: (command, hold) => decide(command, hold).map((event) => from(command.origin, { ...event, severity: 'warning' as const, resource: { type: 'hold', id: command.holdId } })),
  evolve,
});

/** As libs/retention-rules takes it. Throws QUERY_MALFORMED. */
export function scopeOf({ classes, createdFrom, createdBefore, ...rest }: HoldScopeView): HoldScope {
  if (rest.query !== undefined) requireQuery(rest.query);
  const given = { ...rest, dataClasses: classes, createdFromMs: createdFrom && Date.parse(createdFrom), createdBeforeMs: createdBefore && Date.parse(createdBefore) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function requireQuery(query: string): void {
  try {
    parseQuery(query);
  } catch (error) {
    if (error instanceof RetentionRulesFault) throw new RetentionFault('QUERY_MALFORMED', error.message, { field: 'scope.query' }, { cause: error });
    throw error;
  }
}

function decide(command: HoldCommand, hold: LegalHold | undefined): readonly HoldEvent[] {
  const { by, nowMs } = command;
  if (command.type === 'place') {
    if (hold !== undefined) throw new RetentionFault('CONFLICT', 'there is such a hold already');
    const { matter, scope, custodian, reason } = command;
    scopeOf(scope);
    if (Buffer.byteLength(JSON.stringify(scope)) > HOLD_SCOPE_BYTES_MAX) throw new RetentionFault('HOLD_TOO_LARGE', `what a hold names is at most ${HOLD_SCOPE_BYTES_MAX} bytes of JSON: place several`, { field: 'scope' });
    return [{ type: 'retention.hold.placed', data: jsonOf({ by, matter, scope, reason, custodian }) }];
  }
  if (hold === undefined) throw new RetentionFault('HOLD_UNKNOWN', 'there is no such hold', { field: 'holdId' });
  if (hold.state === 'released') throw new RetentionFault('HOLD_RELEASED', 'it was released', { field: 'holdId' });
  if (command.type === 'ask-release') return [{ type: 'retention.hold.release-asked', data: { by, reason: command.reason, atMs: nowMs } }];
  const { asked } = hold;
  if (asked === undefined || nowMs >= asked.atMs + RELEASE_ASKED_MS) throw new RetentionFault('RELEASE_NOT_ASKED', 'nobody has asked for its release, or too long ago', { field: 'holdId' });
  if (command.type === 'refuse-release') return [{ type: 'retention.hold.release-refused', data: { by, askedBy: asked.by, reason: command.reason } }];
  if (asked.by === by) throw new RetentionFault('SECOND_PERSON_REQUIRED', 'somebody else has to agree');
  return [{ type: 'retention.hold.released', data: { by, askedBy: asked.by } }];
}

function evolve(hold: LegalHold | undefined, { type, data }: Pick<HoldEvent, 'type' | 'data'>): LegalHold | undefined {
  if (type === 'retention.hold.placed') return { state: 'in-force', asked: undefined };
  if (hold === undefined) return undefined;
  if (type === 'retention.hold.release-asked') return { ...hold, asked: { by: data['by'] as string, atMs: data['atMs'] as number } };
  return type === 'retention.hold.released' ? { ...hold, state: 'released' } : { ...hold, asked: undefined };
}
