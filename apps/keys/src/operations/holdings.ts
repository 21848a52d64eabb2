import { KEYS_BATCH_MAX } from '@countersign/contracts';
import type { EventStore } from '@countersign/event-store';
import { versionOf } from '../domain/key.js';
import type { KeyRing } from '../keyring/key-ring.js';
import type { Handlers } from '../request/asker.js';
import { record } from '../request/audit.js';
import type { HeldVersion, HolderRows } from '../store/holder-rows.js';

interface HoldingsDependencies {
  readonly store: EventStore;
  readonly ring: KeyRing;
  readonly holders: HolderRows;
  readonly now: () => number;
}

/** What services learn and say about that which they hold under older versions. */
export function holdingHandlers({ store, ring, holders, now }: HoldingsDependencies): Pick<Handlers, 'held-versions' | 'report-remaining'> {
  return {
    'held-versions': async ({ found, after = '' }, asker) => {
      const at = new Date(now());
      const unproven = await holders.unproven(asker.service, after, KEYS_BATCH_MAX, at);
      const others = found.filter((keyId) => !unproven.some((version) => version.keyId === keyId));
      const versions = [...unproven, ...(others.length === 0 ? [] : await holders.named(asker.service, others, at))];
      // Asked all the time: where nothing was told there is nothing to put on record.
      if (versions.length > 0) await record(store, asker, 'keys.held-version.listed', { count: versions.length });
      const last = unproven.at(-1);
      return { result: { versions: versions.map(shown), ...(unproven.length === KEYS_BATCH_MAX && last !== undefined ? { next: last.keyId } : {}) } };
    },
    'report-remaining': async ({ tenant, purpose, scanMs, counts }, asker) => {
      const key = await ring.load({ tenant, purpose });
      for (const { version } of counts) versionOf(key, version);
      // By this clock alone, from when the report arrived: that of whoever has scanned may be wrong.
      const scannedAt = new Date(now() - scanMs);
      await record(store, asker, 'keys.remaining.reported', { tenant, purpose, counts, scannedAt: scannedAt.toISOString() }, {
        project: (client) => holders.report(client, asker.service, counts.map((count) => ({ tenant, purpose, ...count })), scannedAt),
      });
      return { result: {} };
    },
  };
}

const shown = ({ activeKeyId, ...version }: HeldVersion) => (activeKeyId === null ? version : { ...version, activeKeyId });
