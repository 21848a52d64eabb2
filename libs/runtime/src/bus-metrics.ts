import { Counter, Gauge, type Registry } from 'prom-client';

/** What a connection to the bus says of itself. */
export interface CountedBus {
  readonly connected: boolean;
  /** How often it broke and came back. */
  readonly reconnects: number;
  /** Requests that failed, and messages that the server did not let through, by the code of their error. */
  readonly failures: ReadonlyMap<string, number>;
  /** When the first of its certificates ends; undefined where it has none. */
  readonly certificateEndMs?: number | undefined;
}

/** The service's connection to the bus. */
export function registerBusMetrics(registry: Registry, bus: CountedBus): void {
  const registers = [registry];
  new Gauge({ name: 'countersign_bus_connected', help: '1 while there is a connection to NATS', registers, collect() { this.set(bus.connected ? 1 : 0); } });
  new Counter({ name: 'countersign_bus_reconnects_total', help: 'Connections to NATS that broke and came back', registers, collect() { this.reset(); this.inc(bus.reconnects); } });
  new Counter({
    name: 'countersign_bus_failures_total', help: 'Requests to the bus that failed, and messages that it did not let through', labelNames: ['code'], registers,
    collect() {
      this.reset();
      for (const [code, count] of bus.failures) this.inc({ code }, count);
    },
  });
  if (bus.certificateEndMs === undefined) return;
  new Gauge({
    name: 'countersign_bus_certificate_end_timestamp_seconds', help: 'When the first certificate ends that the next connection to NATS shows or trusts', registers,
    collect() { this.set((bus.certificateEndMs ?? 0) / 1_000); },
  });
}
