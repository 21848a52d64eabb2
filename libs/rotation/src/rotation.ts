import { setTimeout as sleep } from 'node:timers/promises';
import type { Keys } from '@countersign/key-client';
import type { Pool } from '@countersign/postgres';
import type { Registry } from 'prom-client';
import { ColumnRows } from './column-rows.js';
import type { EncryptedColumn } from './encrypted-column.js';
import { rotationMetrics } from './metrics.js';
import { Round, type RotationLog } from './round.js';

const INTERVAL_MS_DEFAULT = 30_000;
const ROWS_PER_SECOND_MAX_DEFAULT = 2_000;

export interface RotationOptions {
  readonly columns: readonly EncryptedColumn[];
  /** As the role of `rotationMigrationSql`. Statements that read a whole table must be allowed to take their time. */
  readonly pool: Pool;
  readonly keys: Pick<Keys, 'client' | 'fields'>;
  readonly registry: Registry;
  readonly log: RotationLog;
  /** Of this instance. Default 2,000. */
  readonly rowsPerSecondMax?: number;
  /** Between two rounds. Default 30 s. */
  readonly intervalMs?: number;
}

export interface Rotation {
  /** Resolves when the batch under way is committed. */
  stop(): Promise<void>;
}

/**
 * Brings every row that lies under an older version of its key under the active one, in batches, again and again, and tells the
 * key service what is left; at zero by a scan of the whole column, without which no version is retired. Every instance of a
 * service may do so: what is done is to be seen in the rows, so one that was killed, or another, takes up what is left.
 */
export function startRotation(options: RotationOptions): Rotation {
  const { keys, log, rowsPerSecondMax = ROWS_PER_SECOND_MAX_DEFAULT, intervalMs = INTERVAL_MS_DEFAULT } = options;
  const stopping = new AbortController();
  const metrics = rotationMetrics(options.registry);
  const columns = options.columns.map((column) => new ColumnRows(options.pool, column));
  const round = new Round({ columns, keys, log, metrics, rowsPerSecondMax, isStopping: () => stopping.signal.aborted });
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await round.run().catch((error: unknown) => {
        metrics.failedRounds.inc();
        log.warn({ err: error }, 're-encryption ended early, it is taken up again');
      });
      await sleep(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
