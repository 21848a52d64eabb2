import { parseConfig, type Environment } from '@countersign/runtime';
import { z } from 'zod';

/** As OpenTelemetry names them. */
const schema = z.object({
  /** Where spans are sent, OTLP over HTTP, without `/v1/traces`: a collector inside the network. Without it none are made. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/$/, '')).optional(),
  /** Share of requests whose traces are recorded, decided where a request comes in (edge, and the ledger's reading side). */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(0.1),
});

export interface TracingConfig {
  readonly endpoint: string | undefined;
  /** 0 to 1. */
  readonly share: number;
}

/** Throws ConfigError. */
export function readTracing(env: Environment): TracingConfig {
  const config = parseConfig(schema, env);
  return Object.freeze({ endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT, share: config.OTEL_TRACES_SAMPLER_ARG });
}
