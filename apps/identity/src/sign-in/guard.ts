import { networkOf, type Attempt, type Attempts, type Begun } from '@countersign/attempts';
import { sessionDigest } from '@countersign/credentials';
import type { EventStore } from '@countersign/event-store';
import type { Counter } from 'prom-client';
import { CodeReplayed } from '../domain/code-replayed.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { from } from '../domain/origin.js';
import { PasskeyRefusal } from '../domain/passkey-refusal.js';
import type { IndexKeys } from '../keys/index-keys.js';
import type { Notices } from '../mail/notices.js';
import type { Asker } from '../request/asker.js';
import type { SignInRows } from '../store/sign-in-rows.js';

const NETWORK = 'network:';
/** What somebody gets wrong who guesses. Anything else is no attempt. */
const WRONG = new Set(['SIGN_IN_REFUSED', 'CODE_REFUSED', 'CODE_REPLAYED', 'PASSWORD_WRONG', 'PASSKEY_REFUSED']);

export interface GuardDependencies {
  readonly attempts: Attempts;
  readonly keys: IndexKeys;
  readonly signIns: SignInRows;
  readonly store: EventStore;
  readonly tenant: string;
  readonly newId: () => string;
  readonly locked: Counter<'what'>;
  readonly notices: Pick<Notices, 'locked'>;
}

export interface Guarded {
  /** Opaque name of what is guessed at: an account's blind index, somebody's second factor. */
  readonly account: string;
  /** `reset`, `address`: mails that are asked for; `sms`: messages. */
  readonly what: 'password' | 'factor' | 'reset' | 'address' | 'sms';
  /** Whose it is, if anybody's. */
  readonly userId: string | undefined;
}

/**
 * Counts attempts before they are looked at, and locks out (requirement I6): per network and per account, but from a device that has
 * signed in before by that device alone, so that strangers cannot lock somebody out of his own account.
 */
export class Guard {
  constructor(private readonly deps: GuardDependencies) {}

  /** Throws ATTEMPTS_LOCKED, and what `work` throws; a wrong guess is on record then. */
  async run<T>(guarded: Guarded, asker: Asker, work: () => Promise<T>): Promise<T> {
    const { attempts } = this.deps;
    const { attempt, begun } = await this.#begin(guarded.what, await this.#keysOf(guarded, asker), asker);
    try {
      const result = await work();
      // What strangers got wrong stays counted when the owner comes on a known device, and what a network did in any case.
      await attempts.succeed(attempt, attempt.keys.filter((key) => !key.startsWith(NETWORK)));
      return result;
    } catch (error) {
      if (error instanceof IdentityFault && WRONG.has(error.code)) await this.#record(guarded, asker, error, begun);
      else await attempts.succeed(attempt, []);
      throw error;
    }
  }

  /**
   * For what nobody gets right or wrong: so often for each name, and no more. Many people share a network: the edge limits those, and nobody
   * is kept from signing in because his neighbours ask for mail. Throws ATTEMPTS_LOCKED.
   */
  async count(what: 'address' | 'sms', names: readonly Pick<Guarded, 'account' | 'userId'>[], asker: Asker): Promise<void> {
    const keys = await Promise.all(names.map(async ({ account, userId }) => (await this.#deviceKey({ what, account, userId }, asker)) ?? `${what}:${account}`));
    await this.#begin(what, keys, asker);
  }

  /**
   * The same for each who asks alone: what somebody else asks for the account, from elsewhere, keeps nobody from asking. Throws ATTEMPTS_LOCKED.
   */
  async countAsker(guarded: Guarded, asker: Asker): Promise<void> {
    const { what, account } = guarded;
    const network = await this.deps.keys.networkIndex(networkOf(asker.context.ip));
    await this.#begin(what, [(await this.#deviceKey(guarded, asker)) ?? `${what}:${network}.${account}`], asker);
  }

  /** Counts, whoever asks, and refuses nobody: true when it was so often that less is to be done. */
  async isOften({ what, account }: Pick<Guarded, 'what' | 'account'>, { now }: Asker): Promise<boolean> {
    const { attempts, locked, newId } = this.deps;
    const { isLocked } = await attempts.begin({ id: newId(), keys: [`${what}:${account}`], atMs: now.getTime() });
    if (isLocked) locked.inc({ what });
    return isLocked;
  }

  /** Forgets what was got wrong at an account, by whomever. Throws when the common count cannot be reached. */
  async forget(guarded: readonly Pick<Guarded, 'what' | 'account'>[]): Promise<void> {
    for (const { what, account } of guarded) await this.deps.attempts.forget(`${what}:${account}`);
  }

  async #begin(what: Guarded['what'], keys: readonly string[], asker: Asker): Promise<{ readonly attempt: Attempt; readonly begun: Begun }> {
    const { attempts, locked, newId } = this.deps;
    const attempt: Attempt = { id: newId(), keys, atMs: asker.now.getTime() };
    const begun = await attempts.begin(attempt);
    if (!begun.isLocked) return { attempt, begun };
    // Counted, not recorded one by one: an attacker must not fill the ledger.
    locked.inc({ what });
    throw new IdentityFault('ATTEMPTS_LOCKED', 'too many attempts', { retryAfterMs: Math.max(1, Math.ceil(begun.retryAfterMs)) });
  }

  async #keysOf(guarded: Guarded, asker: Asker): Promise<string[]> {
    const device = await this.#deviceKey(guarded, asker);
    if (device !== undefined) return [device];
    return [`${NETWORK}${await this.deps.keys.networkIndex(networkOf(asker.context.ip))}`, `${guarded.what}:${guarded.account}`];
  }

  /** Undefined: not from a device that has signed in to the account before. */
  async #deviceKey({ what, account, userId }: Guarded, { context, now }: Asker): Promise<string | undefined> {
    if (userId === undefined || context.device === undefined) return undefined;
    const device = sessionDigest(context.device);
    return (await this.deps.signIns.isKnown(device, userId, now)) ? `device:${device}:${what}:${account}` : undefined;
  }

  async #record({ what, userId }: Guarded, { cause, origin, now }: Asker, refused: IdentityFault, { reached }: Begun): Promise<void> {
    const { store, tenant, newId, notices } = this.deps;
    const resource = userId === undefined ? undefined : { type: 'user', id: userId };
    const failed = { type: 'identity.sign-in.failed', outcome: 'failure' as const, severity: 'notice' as const, resource, data: { what, why: refused.code, ...(refused instanceof PasskeyRefusal ? { doubt: refused.doubt } : {}) } };
    const replayed = refused instanceof CodeReplayed ? [{ type: refused.event, outcome: 'denied' as const, severity: 'alert' as const, resource, data: { what } }] : [];
    const locks = reached.map(({ key, step }) => ({
      type: 'identity.sign-in.locked',
      outcome: 'denied' as const,
      severity: step.isAlert === true ? ('alert' as const) : ('warning' as const),
      resource,
      data: { what, by: key.slice(0, key.indexOf(':')), failures: step.failures, lockMs: step.lockMs },
    }));
    const alert = reached.find(({ key, step }) => step.isAlert === true && !key.startsWith(NETWORK));
    const post = alert === undefined || userId === undefined ? undefined : await notices.locked(userId, alert.step, now);
    const events = [failed, ...replayed, ...locks].map((event) => from(origin, event));
    // A stream of its own: attempts that come at the same time do not wait for each other.
    await store.append({ tenant, stream: `sign-in/${newId()}`, expectedVersion: 0, events, ...cause, ...(post === undefined ? {} : { project: post }) });
  }
}
