import { permissionsIn, setNeedsMfa, rolesNeedMfa } from '@countersign/access';
import type { IdentityResult } from '@countersign/contracts';
import { userAggregate } from '../domain/user.js';
import type { FactorChange } from '../domain/user-factors.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { assignmentOf, authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { applyFactorEvents } from '../store/factor-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { insertBackupCodes, type UserRow } from '../store/user-rows.js';

export function factorHandlers(flows: Flows): Pick<Handlers, 'passkey-remove' | 'totp-remove' | 'backup-codes-make'> {
  return {
    'passkey-remove': ({ passkeyId }, asker) => remove(flows, 'passkey', (isNeeded) => ({ type: 'remove-passkey', passkeyId, isNeeded }), asker),
    'totp-remove': (_args, asker) => remove(flows, 'totp', (isNeeded) => ({ type: 'remove-totp', isNeeded }), asker),
    'backup-codes-make': (_args, asker) => makeBackupCodes(flows, asker),
  };
}

async function remove({ users, policies, store, tenant, revocations, notices }: Flows, factor: 'passkey' | 'totp', commandOf: (isNeeded: boolean) => FactorChange, asker: Asker): Promise<Record<string, never>> {
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.remove', targetOf(user));
  const userId = user.user_id;
  const isNeeded = needsMfa(user) || (await policies.ofUser(userId)).isMfaRequired;
  const post = await notices.factorRemoved(userId, factor, asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { ...commandOf(isNeeded), userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      // A role that was given meanwhile, and asks for the factor, has counted the access on.
      await holdAuthority(client, authority(session));
      await applyFactorEvents(client, userId, events);
      await post(client);
    },
  });
  await revocations.enforce(userId);
  return {};
}

/** By any role, wherever it is held: not only where the session acts. */
export function needsMfa({ roles }: UserRow): boolean {
  if (rolesNeedMfa(roles.map(({ role }) => role))) return true;
  const assignments = roles.map(assignmentOf);
  return assignments.some(({ organization }) => setNeedsMfa(permissionsIn(organization, assignments)));
}

async function makeBackupCodes({ users, backupCodes, store, tenant, notices }: Flows, asker: Asker): Promise<IdentityResult<'backup-codes-make'>> {
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  const userId = user.user_id;
  const codes = await backupCodes.make();
  const post = await notices.factorAdded(userId, 'backup-codes', asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'make-backup-codes', userId, backupCodeIds: codes.stored.map(({ id }) => id), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await insertBackupCodes(client, userId, codes.stored);
      await post(client);
    },
  });
  return { backupCodes: [...codes.texts] };
}
