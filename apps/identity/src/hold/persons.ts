import { HolderFault, type SubjectHolder } from '@countersign/holder';
import type { Pool } from '@countersign/postgres';
import { leaveAnAdministrator } from '../administer/users.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import { endSessions } from '../store/session-rows.js';
import type { LetGo } from './erasures.js';
import { exportPerson } from './person-export.js';
import { findScrub, heldKeys, heldTypes, scrubPerson, type Scrub } from './person-rows.js';

/** Accounts belong to the installation: a subject of another tenant has none. */
const NOTHING = { types: [], keys: [], records: [], scrubbed: [], kept: [] };
const CONFLICTS_MAX = 5;

/** What identity holds of a person, and how it lets go of it (docs/spec/holders.md, "Persons"). */
export function personHolder(flows: Flows, pool: Pool, now: () => Date): SubjectHolder {
  const isOurs = async (tenant: string, subject: string): Promise<boolean> => tenant === flows.tenant && (await flows.users.find(subject)) !== undefined;
  return {
    show: async ({ tenant, subject }) => {
      if (!(await isOurs(tenant, subject))) return { types: NOTHING.types, keys: NOTHING.keys };
      return { types: await heldTypes(pool, subject), keys: await heldKeys(pool, tenant, subject) };
    },
    export: async (page) => ((await isOurs(page.tenant, page.subject)) ? exportPerson(flows, page) : { records: NOTHING.records }),
    scrub: async ({ tenant, subject, requestId }) => {
      const known = await findScrub(pool, requestId);
      if (known !== undefined) return answer(known);
      if (!(await isOurs(tenant, subject))) return { scrubbed: NOTHING.scrubbed, kept: NOTHING.kept, keys: NOTHING.keys };
      return answer(await erase(flows, pool, { requestId, userId: subject, now: now() }));
    },
  };
}

const answer = ({ scrubbed, kept, keys }: Scrub) => ({ scrubbed: [...scrubbed], kept: [...kept], keys: [...keys] });

/** What to do with somebody whose erasure the database has forgotten, because it was put back from a snapshot. */
export function letGoAgain(flows: Flows, pool: Pool, now: () => Date): LetGo {
  return async (requestId, userId) => void (await erase(flows, pool, { requestId, userId, now: now(), isAgain: true }));
}

interface Order {
  readonly requestId: string;
  readonly userId: string;
  readonly now: Date;
  /** It was done before, and must come true again, also if nobody is left to administer then; and retention is to be told. */
  readonly isAgain?: boolean;
}

/** One transaction: the event, what goes, and the row that says so. Throws HolderFault SUBJECT_NEEDED. */
async function erase(flows: Flows, pool: Pool, { requestId, userId, now, isAgain = false }: Order): Promise<Scrub> {
  // Before anything goes: afterwards nobody could tell.
  const keys = await heldKeys(pool, flows.tenant, userId);
  let outcome: Scrub | undefined;
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
      project: async (client) => {
        await endSessions(client, userId, undefined, now);
        outcome = await scrubPerson(client, { requestId, userId, isUntold: isAgain }, keys);
        if (!isAgain) await leaveAnAdministrator(client);
      },
    });
  } catch (error) {
    if (error instanceof IdentityFault && error.code === 'LAST_ADMINISTRATOR') throw new HolderFault('SUBJECT_NEEDED', 'nobody could administer any more', undefined, { cause: error });
    throw error;
  }
  await flows.revocations.enforce(userId);
  // Another instance was faster with the same request.
  return outcome ?? (await findScrub(pool, requestId))!;
}
