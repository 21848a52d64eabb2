import { networkOf } from '@countersign/attempts';
import { API_KEY_REFUSED_EVENT, type FAULTS_OF_KEYS } from '@countersign/contracts';
import { parseApiKey, verifyApiKey, type ApiKey } from '@countersign/credentials';
import type { EventStore } from '@countersign/event-store';
import type { Gathering } from '@countersign/request-reply';
import { IdentityFault } from '../domain/identity-fault.js';
import { from } from '../domain/origin.js';
import type { IndexKeys } from '../keys/index-keys.js';
import type { Asker, SignedIn } from '../request/asker.js';
import type { ApiKeyRows, CheckedKey } from '../store/api-key-rows.js';
import { endOf, holderOf } from './holder.js';
import type { LastUses } from './last-uses.js';

type Refusal = (typeof FAULTS_OF_KEYS)[number];
export const MESSAGES: Readonly<Record<Refusal, string>> = {
  API_KEY_REFUSED: 'there is no such API key',
  API_KEY_REVOKED: 'the API key was revoked, or whoever it depends on was disabled',
  API_KEY_EXPIRED: 'the API key has expired',
  API_KEY_SUSPENDED: 'whose the API key is has to sign in, or to change the password, first',
};
const MAC_VERSION = /^k([1-9][0-9]{0,9}):/;

export interface ShownKeysDependencies {
  readonly apiKeys: ApiKeyRows;
  readonly keys: IndexKeys;
  readonly lastUses: LastUses;
  readonly store: EventStore;
  readonly tenant: string;
  readonly newId: () => string;
  readonly gathering: Gathering;
}

/** API keys as they come with requests. No lockout: nobody guesses 256 bits, and a lock would be a way to shut a service out. */
export class ShownKeys {
  constructor(private readonly deps: ShownKeysDependencies) {}

  /** Whose the key is and what it may do now. Throws API_KEY_REFUSED, _REVOKED, _EXPIRED, _SUSPENDED, which are on record then. */
  async check(text: string, stranger: Asker): Promise<SignedIn> {
    const { apiKeys, lastUses } = this.deps;
    const key = parsed(text);
    const row = await apiKeys.check(key.id, stranger.now);
    const refusal = row === undefined ? 'API_KEY_REFUSED' : await this.#judge(key, row, stranger.now);
    if (row === undefined || refusal !== undefined) {
      const code = refusal ?? 'API_KEY_REFUSED';
      await this.#record(row, code, stranger);
      throw new IdentityFault(code, MESSAGES[code]);
    }
    lastUses.add(row.key_id, stranger.now);
    return holderOf(row);
  }

  /** Only whoever has the whole key is told what is wrong with it. */
  async #judge(key: ApiKey, row: CheckedKey, now: Date): Promise<Refusal | undefined> {
    const version = Number(MAC_VERSION.exec(row.mac)?.[1]);
    const { bytes } = await this.deps.keys.apiKeyKey(version);
    if (!verifyApiKey(key, row.mac, (asked) => (asked === version ? bytes : undefined))) return 'API_KEY_REFUSED';
    return endOf(row, now);
  }

  async #record(row: CheckedKey | undefined, why: Refusal, { cause, origin, context }: Asker): Promise<void> {
    const { gathering, store, tenant, newId } = this.deps;
    const resource = row === undefined ? undefined : { type: 'api-key', id: row.key_id };
    await gathering.add(`${networkOf(context.ip)} ${why} ${row?.key_id ?? ''}`, async (count) => {
      const refused = { type: API_KEY_REFUSED_EVENT, outcome: 'denied' as const, severity: 'warning' as const, resource, data: { why, count } };
      // In the ledger of the key's organisation; of a key that nobody has in the installation's.
      await store.append({ tenant: row?.ledger ?? tenant, stream: `api-key-refused/${newId()}`, expectedVersion: 0, events: [from(origin, refused)], ...cause });
    });
  }
}

/** The edge lets no other form through. Throws API_KEY_REFUSED. */
function parsed(text: string): ApiKey {
  try {
    return parseApiKey(text);
  } catch {
    throw new IdentityFault('API_KEY_REFUSED', MESSAGES.API_KEY_REFUSED);
  }
}
