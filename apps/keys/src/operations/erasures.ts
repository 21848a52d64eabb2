import { randomBytes } from 'node:crypto';
import type { BusConnection } from '@countersign/bus';
import { formatNote } from '@countersign/chain';
import { KEYS_SYSTEM_TENANT, subjectErasedSubject } from '@countersign/contracts';
import type { Cause, EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import { ERASURE_DONE, ERASURE_ORDERED, erasureAggregate, receiptText, type Erasure } from '../domain/erasure.js';
import { keyIdOf } from '../domain/key-id.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { ErasureJournal, JournalLine } from '../epoch/erasure-journal.js';
import { SELF } from '../keyring/key-ring.js';
import { causeOf, type Handlers } from '../request/asker.js';
import { eraseSubject, eraseSubjects, readEpoch, type Erasable } from '../store/subject-rows.js';
import type { LogSigner } from './log-signer.js';
import type { SubjectStore } from './subject-store.js';

const CONFLICTS_MAX = 20;
const OPEN_A_ROUND_MAX = 100;
/** Rows of one statement of a replay. */
export const REPLAY_BATCH = 1_000;

export interface ErasureDependencies {
  readonly pool: Pool;
  readonly subjectPool: Pool;
  readonly store: EventStore;
  readonly subjects: SubjectStore;
  readonly journal: ErasureJournal;
  readonly signer: LogSigner;
  readonly bus: Pick<BusConnection, 'publish'>;
  /** Name of the key that signs receipts. */
  readonly receiptName: string;
  readonly now: () => Date;
}

/** Erases subjects: order on record → journal outside the databases → key destroyed → signed receipt on record. */
export class Erasures {
  constructor(private readonly deps: ErasureDependencies) {}

  handlers(): Pick<Handlers, 'destroy-subject'> {
    return {
      'destroy-subject': async ({ tenant, subject, reason }, asker) => {
        const digest = await this.deps.subjects.digest(tenant, subject);
        const { state, repeated } = await this.#execute(digest, tenant, { type: 'order', tenant, subject, reason, at: this.deps.now().toISOString() }, causeOf(asker), asker.nonce);
        if (repeated) throw new KeysFault('REQUEST_REPLAYED', 'this request was carried out before', { field: 'nonce' });
        return { result: await this.#carryOut(digest, state!, causeOf(asker)) };
      },
    };
  }

  /** Carries out what a crash has left undone. */
  async resume(): Promise<void> {
    const { rows } = await this.deps.pool.query<{ tenant: string; digest: Buffer }>(
      'SELECT tenant, digest FROM erasures WHERE receipt IS NULL ORDER BY requested_at LIMIT $1',
      [OPEN_A_ROUND_MAX],
    );
    for (const { tenant, digest } of rows) {
      const { state } = await this.deps.store.load(erasureAggregate, KEYS_SYSTEM_TENANT, streamId(tenant, digest));
      if (state !== undefined) await this.#carryOut(digest, state, SELF);
    }
  }

  /** Erases again whom a subject store that was put back from a snapshot has forgotten to have erased. */
  async replay(): Promise<number> {
    const { subjectPool, journal } = this.deps;
    let replayed = 0;
    let batch = new Map<string, Erasable>();
    const flush = async (): Promise<void> => {
      if (batch.size > 0) await eraseSubjects(subjectPool, [...batch.values()]);
      replayed += batch.size;
      batch = new Map();
    };
    const add = async ({ tenant, digest, at }: JournalLine): Promise<void> => {
      batch.set(streamId(tenant, digest), { tenant, digest, at, keyId: tombstoneId() });
      if (batch.size >= REPLAY_BATCH) await flush();
    };
    for await (const line of this.#known()) await add(line);
    for (const line of await journal.read()) await add(line);
    await flush();
    return replayed;
  }

  /** Every erasure that the main database knows of, in pages. */
  async *#known(): AsyncGenerator<JournalLine> {
    let after: JournalLine | undefined;
    do {
      const { rows } = await this.deps.pool.query<JournalLine>(
        `SELECT tenant, digest, requested_at AS at FROM erasures WHERE ($1::text, $2::bytea) < (tenant, digest) OR $1 IS NULL ORDER BY tenant, digest LIMIT $3`,
        [after?.tenant ?? null, after?.digest ?? null, REPLAY_BATCH],
      );
      yield* rows;
      after = rows.at(-1);
    } while (after !== undefined);
  }

  async #carryOut(digest: Buffer, erasure: Erasure, cause: Cause): Promise<{ receipt: string; destroyedAt: string }> {
    const { subjectPool, journal, signer, receiptName, bus } = this.deps;
    const { tenant, subject, requestedAt } = erasure;
    if (erasure.receipt !== undefined) return { receipt: erasure.receipt, destroyedAt: requestedAt };
    const at = new Date(requestedAt);
    // Before the key is gone: a store put back later must be told.
    await journal.append((await readEpoch(subjectPool)).current, { tenant, digest, at });
    const keyId = await eraseSubject(subjectPool, tenant, digest, tombstoneId(), at);
    bus.publish(subjectErasedSubject(tenant), JSON.stringify({ tenant, subject, ...(keyId === undefined ? {} : { keyId }) }));
    const text = receiptText(receiptName, erasure, keyId);
    const receipt = formatNote(text, [await signer.signText(receiptName, text, cause)]);
    const { state } = await this.#execute(digest, tenant, { type: 'complete', keyId, receipt }, cause);
    return { receipt: state?.receipt ?? receipt, destroyedAt: requestedAt };
  }

  #execute(digest: Buffer, tenant: string, command: Parameters<typeof erasureAggregate.decide>[0], cause: Cause, commandId?: string) {
    return this.deps.store.execute(erasureAggregate, {
      tenant: KEYS_SYSTEM_TENANT,
      id: streamId(tenant, digest),
      command,
      ...cause,
      ...(commandId === undefined ? {} : { commandId }),
      retriesMax: CONFLICTS_MAX,
      project: async (client, events) => {
        for (const { type, data } of events) {
          if (type === ERASURE_ORDERED) await client.query('INSERT INTO erasures (tenant, digest, subject, requested_at) VALUES ($1, $2, $3, $4)', [tenant, digest, data?.['subject'], data?.['at']]);
          if (type === ERASURE_DONE) await client.query('UPDATE erasures SET receipt = $3 WHERE tenant = $1 AND digest = $2', [tenant, digest, data?.['receipt']]);
        }
      },
    });
  }
}

const streamId = (tenant: string, digest: Buffer): string => `${tenant}/${digest.toString('hex')}`;
/** A tombstone of a subject that never had a key needs a name of its own. */
const tombstoneId = (): string => keyIdOf('subject', randomBytes(16), 0);
