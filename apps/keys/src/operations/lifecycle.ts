import { TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { activeVersion, isOlderThanPolicy, type KeyName } from '../domain/key.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { KeyRing } from '../keyring/key-ring.js';
import { causeOf, type Handlers } from '../request/asker.js';
import type { HolderRows } from '../store/holder-rows.js';
import type { KeyRows } from '../store/key-rows.js';

/** Keys rotated or destroyed in one round, so that many that fall due together do not delay requests. */
export const DUE_A_ROUND_MAX = 50;

interface LifecycleDependencies {
  readonly ring: KeyRing;
  readonly rows: KeyRows;
  readonly holders: HolderRows;
  readonly now: () => number;
  /** Told that a tenant key has a new version: what lies under the old one can be rewrapped now. */
  readonly rotated: (name: KeyName) => void;
}

/** What becomes of keys: versions, limits, ends. */
export function lifecycleHandlers(deps: LifecycleDependencies): Pick<Handlers, 'rotate' | 'raise-minimum' | 'retire-version' | 'schedule-destruction' | 'cancel-destruction'> {
  const { ring, holders, now } = deps;
  return {
    rotate: async ({ tenant, purpose }, asker) => {
      const name = { tenant, purpose };
      const kind = (await ring.load(name))?.kind;
      if (kind === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no such key', { field: 'purpose' });
      if (kind === 'signing') throw new KeysFault('KEY_IN_USE', 'a log keeps its signing keys: whoever verifies it knows them', { field: 'purpose' });
      const { keyId, version } = activeVersion(await ring.rotate(name, kind, { reason: 'asked', commandId: asker.nonce }, causeOf(asker)));
      deps.rotated(name);
      return { result: { keyId, version } };
    },
    'raise-minimum': async ({ tenant, purpose, version }, asker) => {
      const key = await ring.execute({ tenant, purpose }, { type: 'raise-minimum', version, atMs: now() }, causeOf(asker), { commandId: asker.nonce });
      return { result: { minimumVersion: key.minimumVersion } };
    },
    'retire-version': async ({ tenant, purpose, version }, asker) => {
      if (purpose === TENANT_KEY_PURPOSE) throw new KeysFault('KEY_IN_USE', 'versions of a tenant key are retired by the rewrapping itself, at a count of zero', { field: 'purpose' });
      const remaining = await holders.provenRemaining({ tenant, purpose }, version);
      await ring.execute({ tenant, purpose }, { type: 'retire-version', version, remaining, atMs: now() }, causeOf(asker), { commandId: asker.nonce });
      return { result: { version } };
    },
    'schedule-destruction': async ({ tenant, purpose, waitDays, force }, asker) => {
      const key = await ring.execute({ tenant, purpose }, { type: 'schedule-destruction', waitDays, isForced: force === true, atMs: now() }, causeOf(asker), { commandId: asker.nonce });
      return { result: { destroyAt: new Date(key.destroyAtMs ?? now()).toISOString() } };
    },
    'cancel-destruction': async ({ tenant, purpose }, asker) => {
      await ring.execute({ tenant, purpose }, { type: 'cancel-destruction', atMs: now() }, causeOf(asker), { commandId: asker.nonce });
      return { result: {} };
    },
  };
}

/**
 * Rotates and destroys what is due, some of it a round; the rest is there in the next. One that fails does not keep the others
 * waiting: throws the first failure after the round.
 */
export async function carryOutDue({ ring, rows, now, rotated }: Omit<LifecycleDependencies, 'holders'>, cause: Parameters<KeyRing['execute']>[2]): Promise<void> {
  const failures: unknown[] = [];
  for (const { name, active } of await rows.due(new Date(now()), DUE_A_ROUND_MAX)) {
    try {
      const key = await ring.load(name);
      if (key === undefined) continue;
      if (key.destroyAtMs !== undefined && key.destroyAtMs <= now()) await ring.execute(name, { type: 'destroy', atMs: now() }, cause);
      else if (active !== undefined) {
        await ring.rotate(name, key.kind, { reason: isOlderThanPolicy(key, now()) ? 'age' : 'uses', due: active }, cause);
        rotated(name);
      }
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
