import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
const FOUND_MS_MAX = 15_000;

/** A span as it was sent, with the service that sent it. */
export interface SentSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2 server, 3 client, 4 producer, 5 consumer (opentelemetry.proto.trace.v1). */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Request {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly (Omit<SentSpan, 'attributes' | 'links'> & { readonly attributes?: readonly Attribute[]; readonly links?: SentSpan['links'] })[] }[];
  }[];
}

const valuesOf = (attributes: readonly Attribute[] = []): Record<string, unknown> => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** What a collector of OpenTelemetry is to those who send it spans: OTLP over HTTP, JSON. */
export class SpanCollector {
  readonly spans: SentSpan[] = [];
  /** Everything that came, as it came. */
  text = '';
  /** What it answers; 200 takes them. */
  status = 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SpanCollector> {
    const collector = new SpanCollector(createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
        const isTraces = request.method === 'POST' && request.url === '/v1/traces';
        if (isTraces && collector.status === 200) collector.#take(body);
        response.writeHead(isTraces ? collector.status : 404, { 'content-type': 'application/json' }).end('{}');
      });
    }));
    await once(collector.server.listen(0, '127.0.0.1'), 'listening');
    return collector;
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  of(traceId: string): SentSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** The spans of a trace, as soon as they are right; after some time as they are. */
  async once(traceId: string, areRight: (spans: readonly SentSpan[]) => boolean): Promise<SentSpan[]> {
    for (const endMs = performance.now() + FOUND_MS_MAX; !areRight(this.of(traceId)) && performance.now() < endMs; ) await sleep(POLL_MS);
    return this.of(traceId);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  #take(body: string): void {
    this.text += body;
    for (const { resource, scopeSpans } of (JSON.parse(body) as Request).resourceSpans) {
      const service = String(valuesOf(resource.attributes)['service.name']);
      for (const { spans } of scopeSpans) for (const span of spans) this.spans.push({ ...span, service, attributes: valuesOf(span.attributes), links: span.links ?? [] });
    }
  }
}
