import { Gauge, type Registry } from 'prom-client';

/** What a pool of connections says of itself. */
export interface CountedPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}

/** How much of each pool of connections to PostgreSQL is in use, by names that are few and do not change. */
export function registerPoolMetrics(registry: Registry, pools: Readonly<Record<string, CountedPool>>): void {
  const registers = [registry];
  const each = (set: (pool: string, counted: CountedPool) => void): void => {
    for (const [pool, counted] of Object.entries(pools)) set(pool, counted);
  };
  new Gauge({
    name: 'countersign_postgres_connections', help: 'Connections to PostgreSQL that are open', labelNames: ['pool', 'state'], registers,
    collect() {
      each((pool, { totalCount, idleCount }) => {
        this.set({ pool, state: 'used' }, totalCount - idleCount);
        this.set({ pool, state: 'idle' }, idleCount);
      });
    },
  });
  new Gauge({ name: 'countersign_postgres_connections_max', help: 'Connections to PostgreSQL that a pool may open', labelNames: ['pool'], registers, collect() { each((pool, { options }) => this.set({ pool }, options.max)); } });
  new Gauge({ name: 'countersign_postgres_waiting', help: 'Callers that wait for a connection to PostgreSQL', labelNames: ['pool'], registers, collect() { each((pool, { waitingCount }) => this.set({ pool }, waitingCount)); } });
}
