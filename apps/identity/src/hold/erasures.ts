import type { RetentionContext } from '@countersign/contracts';
import type { RetentionClient } from '@countersign/retention-client';
import type { Logger } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import { IdentityFault } from '../domain/identity-fault.js';
import type { PersonalColumns } from '../keys/personal-columns.js';
import type { ErasureRows } from '../store/erasure-rows.js';
import type { UserRows } from '../store/user-rows.js';
import { Looks } from './looks.js';

const ROUND_MS = 30_000;
const RETRY_MS = 1_000;

export interface ErasuresDependencies {
  readonly rows: Pick<ErasureRows, 'place' | 'setPlace' | 'forgotten' | 'untold' | 'told'>;
  readonly users: Pick<UserRows, 'find'>;
  readonly columns: Pick<PersonalColumns, 'open'>;
  readonly retention: Pick<RetentionClient, 'ask'>;
  readonly tenant: string;
  readonly registry: Registry;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/** Lets go of somebody whose erasure this database has forgotten. */
export type LetGo = (requestId: string, userId: string, keep: readonly string[]) => Promise<void>;

/**
 * Who was erased, although this database may have been put back from a snapshot in which he was not. Until retention has told everything that it knows,
 * each person is let in only if the key service still has the key that he was known under: it never forgets whose it destroyed.
 */
export class Erasures {
  #isCurrent = false;
  /** Whose erasure is being carried out, and may take weeks: it comes here by itself, unless this database has forgotten that too. */
  #open: ReadonlySet<string> = new Set();
  #isWarned = false;
  readonly #looks = new Looks(() => this.look(), (error) => this.#ended(error));
  #letGo: LetGo = async () => undefined;
  readonly #gauge: Gauge;

  constructor(private readonly deps: ErasuresDependencies) {
    this.#gauge = new Gauge({ name: 'countersign_identity_erasures_current', help: '1 once retention has told which persons were erased; 0: each is looked up with the key service', registers: [deps.registry] });
    this.#gauge.set(0);
  }

  /**
   * Looks at once, and from then on. Resolves when retention has told everything, or is not heard of for a second: nobody who was erased comes
   * in meanwhile, so there is nothing to wait longer for.
   */
  start(letGo: LetGo): Promise<void> {
    this.#letGo = letGo;
    return this.#looks.start();
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  /** False for somebody who was erased. Rejects with KeyClientError where nobody can tell. */
  async isKept(userId: string): Promise<boolean> {
    if (this.#isCurrent && !this.#open.has(userId)) return true;
    const user = await this.deps.users.find(userId);
    // Accounts of services are nobody's.
    if (user === undefined) return true;
    const [email] = await this.deps.columns.open([{ subject: userId, table: 'users', column: 'email', row: userId, sealed: user.email }]);
    return email !== undefined;
  }

  /** Throws UNAUTHENTICATED; KeyClientError as {@link isKept}. */
  async requireKept(userId: string): Promise<void> {
    if (!(await this.isKept(userId))) throw new IdentityFault('UNAUTHENTICATED', 'there is no such account any more');
  }

  #ended(error: unknown): number {
    if (error !== undefined && !this.#isWarned) this.deps.log.warn({ err: error }, 'retention does not tell who was erased; until it does, everybody is looked up with the key service');
    this.#isWarned = error !== undefined;
    this.#gauge.set(this.#isCurrent ? 1 : 0);
    return this.#isCurrent ? ROUND_MS : RETRY_MS;
  }

  /** Rejects with RetentionClientError, or when somebody could not be let go of. */
  async look(): Promise<void> {
    const { rows, retention, tenant, log } = this.deps;
    const open = new Set<string>();
    let resume: number | undefined;
    for (let after = await rows.place(), isLast = false; !isLast; ) {
      const page = await this.#looks.answer(retention.ask('erasure-list', contextOf('erasures'), { after }));
      const keeps = new Map(page.erasures.map(({ requestId, keep }) => [requestId, keep]));
      for (const { requestId, subject } of await rows.forgotten(page.erasures.filter((one) => one.tenant === tenant))) {
        this.#isCurrent = false;
        await this.#letGo(requestId, subject, keeps.get(requestId) ?? []);
        log.info({ requestId }, 'an erasure that this database had forgotten was done again');
      }
      for (const requestId of await rows.untold()) {
        await this.#looks.answer(retention.ask('erasure-repeat', contextOf(requestId), { requestId }));
        await rows.told(requestId);
      }
      for (const one of page.open) if (one.tenant === tenant) open.add(one.subject);
      if (page.resume < page.next) resume ??= page.resume;
      // Those that are open are read again until they are not.
      await rows.setPlace(resume ?? page.next);
      [after, isLast] = [page.next, page.isLast];
    }
    this.#open = open;
    this.#isCurrent = true;
  }
}

const contextOf = (correlationId: string): RetentionContext => ({ ip: '127.0.0.1', userAgent: 'identity', correlationId });
