import { collectDefaultMetrics, Registry } from 'prom-client';

export interface MetricsOptions {
  /** Label on every metric. */
  readonly service: string;
  /** Node's own metrics too. Default true. */
  readonly processMetrics?: boolean;
}

/** A registry of its own: nothing is registered globally, so two services in one process do not collide. */
export function createRegistry(options: MetricsOptions): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  return registry;
}
