import { HolderFault, type SubjectHolder } from '@countersign/holder';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { leaveAnAdministrator } from '../administer/users.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import { endSessions } from '../store/session-rows.js';
import type { LetGo } from './erasures.js';
import { exportPerson } from './person-export.js';
import { findScrub, heldKeys, heldTypes, scrubPerson, type Scrub } from './person-rows.js';

/** Accounts belong to the installation: a subject of another tenant has none. */
const NOTHING = { types: [], keys: [], records: [], scrubbed: [], kept: [], held: [] };
const CONFLICTS_MAX = 5;

/** What identity holds of a person, and how it lets go of it (docs/spec/holders.md, "Persons"). */
export function personHolder(flows: Flows, pool: Pool, now: () => Date): SubjectHolder {
  const isOurs = async (tenant: string, subject: string): Promise<boolean> => tenant === flows.tenant && (await flows.users.find(subject)) !== undefined;
  return {
    show: async ({ tenant, subject }) => {
      if (!(await isOurs(tenant, subject))) return { types: NOTHING.types, keys: NOTHING.keys };
      return { types: await heldTypes(pool, { tenant, organization: flows.homeOrganization }, subject), keys: await heldKeys(pool, tenant, subject) };
    },
    export: async (page) => ((await isOurs(page.tenant, page.subject)) ? exportPerson(flows, page) : { records: NOTHING.records }),
    scrub: async ({ tenant, subject, requestId, keep }) => {
      const known = await findScrub(pool, requestId);
      if (known !== undefined) return answer(known);
      if (!(await isOurs(tenant, subject))) return { scrubbed: NOTHING.scrubbed, kept: NOTHING.kept, keys: NOTHING.keys, held: NOTHING.held };
      return answer(await erase(flows, pool, { requestId, userId: subject, now: now(), keep }));
    },
  };
}

const answer = ({ scrubbed, kept, keys, held = [] }: Scrub) => ({ scrubbed: [...scrubbed], kept: [...kept], keys: [...keys], held: [...held] });

/** What to do with somebody whose erasure the database has forgotten, because it was put back from a snapshot. */
export function letGoAgain(flows: Flows, pool: Pool, now: () => Date): LetGo {
  return async (requestId, userId, keep) => void (await erase(flows, pool, { requestId, userId, now: now(), keep, isAgain: true }));
}

interface Order {
  readonly requestId: string;
  readonly userId: string;
  readonly now: Date;
  /** Types that a hold covers. */
  readonly keep: readonly string[];
  /** It was done before, and must come true again, also if nobody is left to administer then; and retention is to be told. */
  readonly isAgain?: boolean;
}

/** One transaction: the event, what goes, and the row that says so. Throws HolderFault SUBJECT_NEEDED. */
async function erase(flows: Flows, pool: Pool, { requestId, userId, now, keep, isAgain = false }: Order): Promise<Scrub> {
  // Before anything goes: afterwards nobody could tell.
  const keys = await heldKeys(pool, flows.tenant, userId);
  let outcome: Scrub | undefined;
  const letGo = async (client: PoolClient): Promise<void> => {
    await endSessions(client, userId, undefined, now, keep.includes('challenge'));
    outcome = await scrubPerson(client, { requestId, userId, isUntold: isAgain, keep }, keys);
    if (!isAgain) await leaveAnAdministrator(client);
  };
  try {
    await flows.store.execute(userAggregate, {
      tenant: flows.tenant,
      id: userId,
      command: { type: 'erase', userId, requestId, origin: undefined },
      actor: { type: 'service', id: 'retention' },
      correlationId: requestId,
      // Also when the user's stream says that he is erased: a restored database may have forgotten one of the two.
      commandId: `erase-${requestId}`,
      retriesMax: CONFLICTS_MAX,
      project: letGo,
    });
  } catch (error) {
    if (error instanceof IdentityFault && error.code === 'LAST_ADMINISTRATOR') throw new HolderFault('SUBJECT_NEEDED', 'nobody could administer any more', undefined, { cause: error });
    throw error;
  }
  await flows.revocations.enforce(userId);
  // Another instance was faster with the same request; or the stream said already that he is erased, and only what a hold had kept is to go.
  outcome ??= await findScrub(pool, requestId);
  if (outcome === undefined) await withTransaction(pool, letGo);
  return outcome ?? (await findScrub(pool, requestId))!;
}
