import type { EventStore } from '@countersign/event-store';
import type { Pool } from '@countersign/postgres';
import { KeysFault } from '../domain/keys-fault.js';
import type { Roller } from '../epoch/roller.js';
import type { Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { KeyRows } from '../store/key-rows.js';
import { countOldRows, readEpoch } from '../store/subject-rows.js';

/** Versions in one answer; a tenant narrows it. */
const STATUS_KEYS_MAX = 500;

interface OverviewDependencies {
  readonly store: EventStore;
  readonly rows: KeyRows;
  readonly subjectPool: Pool;
  readonly roller: Roller;
  readonly now: () => Date;
  readonly log: { error(details: object, message: string): void };
}

/** What people and services are told about keys; never their bytes. */
export function overviewHandlers({ store, rows, subjectPool, roller, now, log }: OverviewDependencies): Pick<Handlers, 'list' | 'show' | 'rewrap-status' | 'report-uses' | 'report-refusals' | 'roll-epoch'> {
  return {
    list: async ({ after, tenant, limit }, asker) => {
      const keys = await rows.list(after, tenant, limit);
      await record(store, asker, 'keys.key.listed', { count: keys.length, ...(tenant === undefined ? {} : { tenant }) });
      const last = keys.at(-1);
      return { result: { keys, ...(keys.length === limit && last !== undefined ? { next: `${last.tenant}/${last.purpose}` } : {}) } };
    },
    show: async ({ tenant, purpose }, asker) => {
      const key = await rows.show({ tenant, purpose });
      if (key === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no such key', { field: 'purpose' });
      await record(store, asker, 'keys.key.shown', { tenant, purpose });
      return { result: key };
    },
    'rewrap-status': async ({ tenant }, asker) => {
      const keys = await rows.list(undefined, tenant, STATUS_KEYS_MAX);
      const { current, rolledAt } = await readEpoch(subjectPool);
      const remaining = await countOldRows(subjectPool, current);
      await record(store, asker, 'keys.key.listed', { count: keys.length, ...(tenant === undefined ? {} : { tenant }) });
      const versions = keys.flatMap(({ tenant: owner, purpose, versions: all }) =>
        all.filter(({ state }) => state === 'decrypt-only').map(({ createdAt: _createdAt, usesLeased: _usesLeased, ...rest }) => ({ tenant: owner, purpose, ...rest })),
      );
      return { result: { versions, epoch: { current, rolledAt: rolledAt.toISOString(), remaining } } };
    },
    'report-uses': async ({ since, uses }, asker) => {
      // Compact: five hundred keys must fit an event.
      const counted: Record<string, Record<string, number>> = {};
      for (const { keyId, operation, count } of uses) (counted[keyId] ??= {})[operation] = count + ((counted[keyId] ?? {})[operation] ?? 0);
      await record(store, asker, 'keys.cached-key.used', { since, until: now().toISOString(), uses: counted });
      return { result: {} };
    },
    'report-refusals': async ({ since, refusals }, asker) => {
      const counted = refusals.map(({ tenant, keyId, code, count }) => ({ code, count, ...(tenant === undefined ? {} : { tenant }), ...(keyId === undefined ? {} : { keyId }) }));
      await record(store, asker, 'keys.cached-key.refused', { since, until: now().toISOString(), refusals: counted }, { severity: 'warning', outcome: 'denied' });
      return { result: {} };
    },
    'roll-epoch': async (_args, asker) => {
      const { current } = await readEpoch(subjectPool);
      await record(store, asker, 'keys.epoch.roll-asked', { epoch: current + 1 });
      roller.roll().catch((error: unknown) => log.error({ err: error }, 'epoch not rolled, it is tried again'));
      return { result: { epoch: current + 1 } };
    },
  };
}
