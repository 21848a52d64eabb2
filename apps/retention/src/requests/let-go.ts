import { parseNote, sha256Hex } from '@countersign/chain';
import type { ErasureStatement, HeldKey, Kept, Scrubbed } from '@countersign/contracts';
import type { KeyClient } from '@countersign/key-client';
import { withTransaction } from '@countersign/postgres';
import { planErasure, type ErasurePlan, type Hold, type PersonsKind } from '@countersign/retention-rules';
import type { Flows } from '../parts.js';
import { holdRules, rulesVersion } from '../sweep/rule-gate.js';
import type { GoneElsewhere } from './bus-holders.js';
import { keptOf, keptTypes, withHeld } from './erasure-plan.js';
import { nameOf, type Person } from './person-holders.js';

const REASON = 'request of the data subject';
const NO_KEY = '-';
/** Line of a destruction receipt that names the key (docs/spec/keys-api.md, "Destruction receipt"). */
const KEY_LINE = 4;

/** Holds as they were at a version of the rules. */
export interface StandingHolds {
  readonly version: string;
  readonly holds: readonly Hold[];
}

/** Holds that stand against an erasure: those in force, and those whose end is still announced. */
export async function standingHolds({ holds, announceMs, now }: Pick<Flows, 'holds' | 'announceMs' | 'now'>): Promise<Hold[]> {
  return holds.rules(new Date(now().getTime() - announceMs));
}

export async function readHolds(flows: Pick<Flows, 'pool' | 'holds' | 'announceMs' | 'now'>): Promise<StandingHolds> {
  // Before the holds themselves: of what is placed in between each step learns.
  const version = await rulesVersion(flows.pool);
  return { version, holds: await standingHolds(flows) };
}

/** What is gone, and what holds keep. */
export interface Gone {
  readonly scrubbed: readonly Scrubbed[];
  readonly kept: readonly Kept[];
  readonly destroyed: ErasureStatement['keys'];
  readonly keys: readonly Person[];
  readonly plan: ErasurePlan<PersonsKind>;
}

type Parts = Pick<Flows, 'pool' | 'persons' | 'keyClient'>;

/**
 * Has services let go of what no hold covers, and destroys the keys that nothing needs which is held. Every step holds the rules: a hold that is placed
 * meanwhile waits for the step, and the next one finds it. Throws RulesMoved: then it is planned anew; what is gone is gone.
 * @param planned is told what is to go, before more of it goes
 */
export async function letGo({ pool, persons, keyClient }: Parts, { requestId, ...person }: Person & { readonly requestId: string }, kinds: readonly PersonsKind[], seen: readonly HeldKey[], { version, holds }: StandingHolds, planned: (plan: ErasurePlan<PersonsKind>) => Promise<void> = async () => undefined): Promise<Gone> {
  const step = underRules(pool, version);
  const first = planErasure(kinds, seen, holds);
  await planned(first);
  const { scrubbed, kept, keys: named, held } = await step(() => persons.scrub(person, requestId, (service) => keptTypes(first, service)));
  const keys = uniqueKeys([...seen, ...named]);
  // What was there by then, and was not when it was asked for.
  const plan = planErasure(held.reduce((known: readonly PersonsKind[], { service, types }) => withHeld(known, service, types), kinds), keys, holds);
  await planned(plan);
  const destroyed: ErasureStatement['keys'] = [];
  for (const key of plan.keys) destroyed.push(...(await step(() => destroyKeys(keyClient, [key], requestId))));
  return { scrubbed, kept, destroyed, keys, plan };
}

/**
 * Has services of organisations let go of what no hold covers, and tells what they have left for one. Rejects with HolderFault while one is away;
 * throws RulesMoved.
 */
export async function letGoElsewhere({ pool, persons }: Pick<Parts, 'pool' | 'persons'>, { requestId, ...person }: Person & { readonly requestId: string }, keys: readonly Person[], { version, holds }: StandingHolds): Promise<GoneElsewhere & { readonly held: readonly PersonsKind[] }> {
  const [scrubbed, kept, held]: [Scrubbed[], Kept[], PersonsKind[]] = [[], [], []];
  for (const service of await persons.elsewhere(person, keys)) {
    const plan = planErasure(await persons.kindsElsewhere(service), [], holds);
    const done = await underRules(pool, version)(() => persons.scrubElsewhere(service, requestId, keptTypes(plan, service.holder)));
    scrubbed.push(...done.scrubbed);
    kept.push(...done.kept, ...keptOf(plan));
    held.push(...plan.held);
  }
  return { scrubbed, kept, held };
}

/** Holds the rules while something is done: a hold that is placed meanwhile waits for it. */
const underRules = (pool: Parts['pool'], version: string) => <T>(work: () => Promise<T>): Promise<T> => withTransaction(pool, async (client) => {
  await holdRules(client, version);
  return work();
});

export const uniqueKeys = (keys: readonly HeldKey[]): Person[] => [...new Map(keys.map((key) => [nameOf(key), key])).values()];

/** The same subject again gets the same receipt. */
export async function destroyKeys(client: Pick<KeyClient, 'ask'>, keys: readonly Person[], requestId: string): Promise<ErasureStatement['keys']> {
  const destroyed: ErasureStatement['keys'] = [];
  for (const { tenant, subject } of keys) {
    const { result } = await client.ask('destroy-subject', { tenant, subject, reason: `${REASON} ${requestId}` });
    const keyId = parseNote(result.receipt).text.split('\n')[KEY_LINE] ?? NO_KEY;
    destroyed.push({ tenant, ...(keyId === NO_KEY ? {} : { keyId }), receipt: sha256Hex(result.receipt) });
  }
  return destroyed;
}
