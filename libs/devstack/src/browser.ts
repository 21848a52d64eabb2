import { Agent, request } from 'node:https';

const ANSWER_MS_MAX = 30_000;
const SOCKETS_MAX = 16;

export interface BrowserAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The same as it came. */
  readonly bytes: Buffer;
  /** Of a JSON answer; else an empty object. */
  readonly json: Readonly<Record<string, unknown>> & { readonly code?: string; readonly field?: string };
}

export interface BrowserOptions {
  /** `https://host[:port]`. */
  readonly origin: string;
  readonly agent: Agent;
  /** From where it seems to come, for an edge that believes this machine as a proxy. */
  readonly ip?: string;
  readonly userAgent?: string;
}

export interface Asked {
  /** Sent as JSON; a text or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Connections of browsers that trust this certificate (PEM). Destroy it when done. */
export const browserAgent = (ca: string): Agent => new Agent({ ca, keepAlive: true, maxSockets: SOCKETS_MAX });

/** A browser on pages of our own: keeps cookies, and sends the token of the double submit back. */
export class Browser {
  readonly cookies = new Map<string, string>();

  constructor(readonly options: BrowserOptions) {}

  /** Another one with the same cookies: what a thief of them has. */
  stolen(changes: Partial<BrowserOptions> = {}): Browser {
    const thief = new Browser({ ...this.options, ...changes });
    for (const [name, value] of this.cookies) thief.cookies.set(name, value);
    return thief;
  }

  get(path: string): Promise<BrowserAnswer> {
    return this.ask('GET', path);
  }

  post(path: string, body?: unknown): Promise<BrowserAnswer> {
    return this.ask('POST', path, body === undefined ? {} : { body });
  }

  /** Rejects when there is no answer within 30 s. */
  ask(method: string, path: string, { body, headers }: Asked = {}): Promise<BrowserAnswer> {
    const data = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const { origin, agent } = this.options;
    return new Promise((done, fail) => {
      const sent = request(`${origin}${path}`, { method, agent, headers: { ...this.#headers(data), ...headers }, timeout: ANSWER_MS_MAX }, (response) => {
        for (const cookie of response.headers['set-cookie'] ?? []) this.#keep(cookie);
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          const isJson = text !== '' && /^application\/(problem\+)?json\b/.test(response.headers['content-type'] ?? '');
          done({ status: response.statusCode ?? 0, headers: response.headers, text, bytes, json: (isJson ? JSON.parse(text) : {}) as BrowserAnswer['json'] });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within ${String(ANSWER_MS_MAX)} ms`)));
      sent.on('error', fail);
      sent.end(data);
    });
  }

  #headers(data: string | Buffer | undefined): Record<string, string> {
    const { ip, userAgent = 'Browser/1.0' } = this.options;
    const csrf = this.cookies.get('__Host-csrf');
    return {
      'user-agent': userAgent,
      ...(ip === undefined ? {} : { 'x-forwarded-for': ip }),
      ...(this.cookies.size === 0 ? {} : { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
      ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }),
      ...(data === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(data)) }),
    };
  }

  #keep(cookie: string): void {
    const [pair = ''] = cookie.split(';', 1);
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1);
    if (value === '') this.cookies.delete(pair.slice(0, at));
    else this.cookies.set(pair.slice(0, at), value);
  }
}
