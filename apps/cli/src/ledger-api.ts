import { FAULT_CODES } from '@countersign/chain';
import { ledgerSchema, ledgersPageSchema, problemSchema } from '@countersign/contracts';
import type { LedgerSummary, LedgerView } from '@countersign/contracts';
import { CliError, EXIT } from './exit-code.js';

const TIMEOUT_MS = 30_000;
/** A page of 500 events of 64 KiB with their parts; exports are streamed instead. */
const BODY_BYTES_MAX = 96 * 1024 * 1024;
const PROBLEM_STATUS_BUSY = new Set([429, 502, 503, 504]);

/** A schema of libs/contracts, as far as it is used here. */
interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** The ledger's read API (docs/spec/ledger-http.md). Every method throws CliError. */
export class LedgerApi {
  constructor(
    readonly baseUrl: string,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  ledger(tenant: string): Promise<LedgerView> {
    return this.json(ledgerPath(tenant), ledgerSchema);
  }

  async ledgers(): Promise<LedgerSummary[]> {
    const all: LedgerSummary[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const query: string = after === '' ? '' : `?after=${after}`;
      const page: { ledgers: LedgerSummary[]; next?: string | undefined } = await this.json(`/ledgers${query}`, ledgersPageSchema);
      all.push(...page.ledgers);
      after = page.next;
    }
    return all;
  }

  async json<T>(path: string, schema: Schema<T>, body?: object, timeoutMs = this.timeoutMs): Promise<T> {
    const text = await this.text(path, body, timeoutMs);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.strange(path);
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw this.strange(path);
    return parsed.data;
  }

  async text(path: string, body?: object, timeoutMs = this.timeoutMs): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of this.stream(path, body, timeoutMs)) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) throw this.strange(path);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  /** The answer's body as it arrives. Without `timeoutMs` it may take as long as it takes. */
  async *stream(path: string, body?: object, timeoutMs?: number): AsyncGenerator<Uint8Array> {
    const response = await this.request(path, body, timeoutMs);
    if (!response.ok) throw await problem(response);
    try {
      for await (const chunk of response.body ?? []) yield chunk as Uint8Array;
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  private async request(path: string, body: object | undefined, timeoutMs: number | undefined): Promise<Response> {
    const init: RequestInit = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    if (timeoutMs !== undefined) init.signal = AbortSignal.timeout(timeoutMs);
    try {
      return await fetch(this.baseUrl + path, init);
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  private unreachable(error: unknown): CliError {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    if (isTimeout) return new CliError(EXIT.unreachable, 'LEDGER_TIMEOUT', `the ledger at ${this.baseUrl} did not answer in time`);
    const cause = (error as { cause?: { code?: string } }).cause?.code;
    const why = cause ?? (error as Error).message;
    return new CliError(EXIT.unreachable, 'LEDGER_UNREACHABLE', `the ledger at ${this.baseUrl} cannot be reached: ${why}`);
  }

  private strange(path: string): CliError {
    return new CliError(EXIT.unreachable, 'ANSWER_STRANGE', `${this.baseUrl}${path} did not answer as a ledger does`);
  }
}

export function ledgerPath(tenant: string, rest = ''): string {
  return `/ledgers/${encodeURIComponent(tenant)}${rest}`;
}

const STORED_FAULTS: ReadonlySet<string> = new Set(FAULT_CODES);

/** A refusal of the ledger. A 500 with a fault of the chain accuses what the ledger has stored. */
async function problem(response: Response): Promise<CliError> {
  const parsed = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) return new CliError(EXIT.unreachable, 'ANSWER_STRANGE', `${response.url} answered with status ${response.status}`);
  const { code, detail, status, field } = parsed.data;
  if (status === 500 && STORED_FAULTS.has(code)) return new CliError(EXIT.fault, code, `FAILED: ${code}: ${detail}`);
  const isBusy = PROBLEM_STATUS_BUSY.has(status) || status === 500 || code.endsWith('_NOT_YET');
  return new CliError(isBusy ? EXIT.unreachable : EXIT.usage, code, `the ledger says ${code}: ${detail}`, { field });
}
