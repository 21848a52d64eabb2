import { activeContext, inSpan, traceHeaders } from '@countersign/trace-context';
import { SpanKind } from '@opentelemetry/api';
import { EdgeFault } from '../http/edge-fault.js';

const HEADERS_MS_MAX = 15_000;

/** The ledger's own refusal, passed on as it is. */
export class LedgerRefusal extends Error {
  override readonly name = 'LedgerRefusal';
  constructor(readonly problem: { readonly code: string; readonly status: number; readonly detail: string; readonly field?: string; readonly retryAfterSeconds?: number }) {
    super(problem.detail);
  }
}

/** Asks the ledger's read API, which only this network reaches. */
export class LedgerClient {
  constructor(private readonly url: string) {}

  /** Rejects with LedgerRefusal, or EdgeFault LEDGER_UNAVAILABLE. The body is the caller's to read. */
  async get(path: string, query: URLSearchParams, correlationId: string, signal?: AbortSignal): Promise<Response> {
    return this.#ask('GET', `${path}${query.size === 0 ? '' : `?${query.toString()}`}`, correlationId, undefined, signal);
  }

  /** The same with a JSON body. */
  async post(path: string, body: unknown, correlationId: string): Promise<Response> {
    return this.#ask('POST', path, correlationId, JSON.stringify(body));
  }

  #ask(method: string, path: string, correlationId: string, body?: string, signal?: AbortSignal): Promise<Response> {
    // Not by its path: that names ledgers and entries.
    const span = { kind: SpanKind.CLIENT, attributes: { 'http.request.method': method, 'peer.service': 'countersign-ledger' } };
    return inSpan(`${method} ledger`, span, activeContext(), () => this.#fetch(method, path, correlationId, body, signal));
  }

  async #fetch(method: string, path: string, correlationId: string, body?: string, signal?: AbortSignal): Promise<Response> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), HEADERS_MS_MAX);
    try {
      const response = await fetch(`${this.url}/${path}`, {
        method,
        headers: { 'x-correlation-id': correlationId, ...traceHeaders(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        signal: signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]),
        redirect: 'error',
        ...(body === undefined ? {} : { body }),
      });
      if (response.ok) return response;
      throw await refusalOf(response);
    } catch (error) {
      if (error instanceof LedgerRefusal) throw error;
      throw new EdgeFault('LEDGER_UNAVAILABLE', 'the ledger does not answer');
    } finally {
      // For the headers alone: an export may take its time.
      clearTimeout(timer);
    }
  }
}

async function refusalOf(response: Response): Promise<Error> {
  const problem = (await response.json().catch(() => undefined)) as { code?: unknown; detail?: unknown; field?: unknown } | undefined;
  if (typeof problem?.code !== 'string' || typeof problem.detail !== 'string') return new EdgeFault('LEDGER_UNAVAILABLE', 'the ledger does not answer as it should');
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new LedgerRefusal({
    code: problem.code,
    status: response.status,
    detail: problem.detail,
    ...(typeof problem.field === 'string' ? { field: problem.field } : {}),
    ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}),
  });
}
