import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { renamePasskey } from '../store/passkey-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { passkeyName } from './enrol-passkey.js';

export function keepPasskeyHandlers(flows: Flows): Pick<Handlers, 'passkey-list' | 'passkey-rename'> {
  return {
    'passkey-list': (args, asker) => list(flows, args, asker),
    'passkey-rename': (args, asker) => rename(flows, args, asker),
  };
}

async function list({ users, passkeys, columns }: Flows, { userId }: IdentityArgs<'passkey-list'>, asker: Asker): Promise<IdentityResult<'passkey-list'>> {
  const owner = await users.find(userId ?? signedIn(asker).session.user_id);
  if (owner === undefined) throw unknownUser();
  authorise(asker, 'user.read', targetOf(owner));
  const rows = await passkeys.ofUser(owner.user_id);
  const names = await columns.open(rows.map((row) => ({ ...passkeyName(row.user_id, row.passkey_id), sealed: row.name })));
  return {
    passkeys: rows.map((row, at) => ({
      passkeyId: row.passkey_id,
      name: names[at],
      createdAt: row.created_at.toISOString(),
      usedAt: row.used_at?.toISOString(),
      isSynced: row.is_synced,
    })),
  };
}

async function rename({ users, columns, store, tenant }: Flows, { passkeyId, name }: IdentityArgs<'passkey-rename'>, asker: Asker): Promise<Record<string, never>> {
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  const userId = user.user_id;
  const [sealed] = await columns.seal([{ ...passkeyName(userId, passkeyId), text: name }]);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'rename-passkey', userId, passkeyId, name, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await renamePasskey(client, passkeyId, sealed);
    },
  });
  return {};
}
