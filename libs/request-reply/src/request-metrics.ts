import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type RequestMetrics = ReturnType<typeof requestMetrics>;

/** How a service answers: `countersign_<service>_request_duration_seconds`, `…_refused_total`, `…_requests_open`. */
export function requestMetrics(service: string, registry: Registry) {
  const registers = [registry];
  return {
    duration: new Histogram({
      name: `countersign_${service}_request_duration_seconds`,
      help: 'Time to answer a request',
      labelNames: ['operation', 'outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    refused: new Counter({ name: `countersign_${service}_refused_total`, help: 'Refused requests', labelNames: ['operation', 'code'], registers }),
    open: new Gauge({ name: `countersign_${service}_requests_open`, help: 'Requests being answered', registers }),
  };
}
