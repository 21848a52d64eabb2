import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { VaultError } from './vault-error.js';

const ANSWER_BYTES_MAX = 1_048_576;
const SOCKETS_MAX = 8;
// 412: a follower has not yet what was asked for; 429 and 473: a standby; 503: sealed.
const LATER_STATUSES: ReadonlySet<number> = new Set([412, 429, 472, 473]);

export interface VaultAnswer {
  readonly data?: unknown;
  readonly auth?: unknown;
  readonly errors?: unknown;
}

export interface VaultCall {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`. */
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
}

/** One HTTP exchange, without redirects: they would hand the token to whoever is named. Throws VaultError. */
export class VaultHttp {
  private readonly url: URL;
  private readonly agent: HttpAgent | HttpsAgent;

  constructor(
    address: string,
    private readonly options: { readonly ca: Buffer | undefined; readonly namespace: string | undefined; readonly timeoutMs: number },
  ) {
    this.url = new URL(address.endsWith('/') ? address : `${address}/`);
    const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(this.url.hostname);
    // A token in clear is everything that the token may do.
    if (this.url.protocol !== 'https:' && !(this.url.protocol === 'http:' && isLocal)) {
      throw new VaultError('VAULT_MISCONFIGURED', `${this.url.origin}: https is needed for anything but this machine`);
    }
    const settings = { keepAlive: true, maxSockets: SOCKETS_MAX };
    this.agent = this.url.protocol === 'https:' ? new HttpsAgent({ ...settings, ca: options.ca, minVersion: 'TLSv1.2' }) : new HttpAgent(settings);
  }

  async call(call: VaultCall): Promise<VaultAnswer> {
    const what = `${call.method} ${call.path}`;
    const signal = AbortSignal.timeout(this.options.timeoutMs);
    try {
      const { status, text } = await this.exchange(call, signal);
      return judge(what, status, text);
    } catch (error) {
      if (error instanceof VaultError) throw error;
      const reason = signal.aborted ? `no answer in ${this.options.timeoutMs} ms` : ((error as NodeJS.ErrnoException).code ?? (error as Error).message);
      throw new VaultError('VAULT_UNAVAILABLE', `${what}: ${reason}`);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private async exchange(call: VaultCall, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = this.open(call, signal).on('response', resolve).on('error', reject);
    request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
    const response = await promise;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new VaultError('VAULT_UNAVAILABLE', `${call.path}: an answer of more than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
  }

  private open({ method, path, token }: VaultCall, signal: AbortSignal): ClientRequest {
    const options: RequestOptions = {
      method,
      agent: this.agent,
      signal,
      headers: {
        'content-type': 'application/json',
        // Vault refuses requests without it where they may come through a proxy that was tricked (SSRF).
        'x-vault-request': 'true',
        ...(token === undefined ? {} : { 'x-vault-token': token }),
        ...(this.options.namespace === undefined ? {} : { 'x-vault-namespace': this.options.namespace }),
      },
    };
    const url = new URL(`v1/${path}`, this.url);
    return this.url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
  }
}

function judge(what: string, status: number, text: string): VaultAnswer {
  if (status === 204) return {};
  const answer = parse(text);
  const reasons = Array.isArray(answer?.errors) ? answer.errors.filter((reason) => typeof reason === 'string') : [];
  const message = `${what}: ${status}${reasons.length === 0 ? '' : ` ${reasons.join('; ')}`}`;
  if (status === 200) {
    if (answer === undefined) throw new VaultError('VAULT_UNAVAILABLE', `${what}: the answer is not Vault's`);
    return answer;
  }
  if (status === 403 || status === 401) throw new VaultError('VAULT_DENIED', message, reasons);
  // A path that is not there answers with an empty list; a proxy's page has none.
  if (status === 404 && answer !== undefined) throw new VaultError('VAULT_NOT_FOUND', message, reasons);
  if (status === 400) throw new VaultError('VAULT_REFUSED', message, reasons);
  if (status >= 500 || LATER_STATUSES.has(status)) throw new VaultError('VAULT_UNAVAILABLE', message, reasons);
  throw new VaultError('VAULT_UNAVAILABLE', `${message}: not an answer of Vault's`, reasons);
}

function parse(text: string): VaultAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
