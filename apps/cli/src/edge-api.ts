import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { CliError, EXIT } from './exit-code.js';

const ANSWER_MS_MAX = 30_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The public API as a browser uses it: cookies kept, the token of the double submit sent back. */
export class EdgeApi {
  readonly #agent: Agent;
  readonly #cookies = new Map<string, string>();

  constructor(
    private readonly url: string,
    /** Authority that is trusted (PEM); undefined: those of this machine. */
    certFile: string | undefined,
  ) {
    this.#agent = new Agent({ keepAlive: true, ...(certFile === undefined ? {} : { ca: readFileSync(certFile, 'utf8') }) });
  }

  close(): void {
    this.#agent.destroy();
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.text('GET', path)) as T;
  }

  /** `undefined` for an answer without a body. */
  async post<T>(path: string, body: object = {}): Promise<T> {
    const text = await this.text('POST', path, body);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** `key`: an API key, in the place of the cookies. Throws CliError with the problem's code. */
  async text(method: string, path: string, body?: object, key?: string): Promise<string> {
    const { status, text } = await this.#ask(method, path, body === undefined ? undefined : JSON.stringify(body), key);
    if (status < 400) return text;
    const problem = JSON.parse(text) as { code: string; detail: string };
    throw new CliError(EXIT.refused, problem.code, `${method} ${path}: ${problem.code}: ${problem.detail}`);
  }

  #ask(method: string, path: string, body: string | undefined, key: string | undefined): Promise<Answer> {
    const csrf = this.#cookies.get('__Host-csrf');
    const cookies = {
      cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }),
    };
    const headers = {
      ...(key === undefined ? cookies : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
    return new Promise((done, fail) => {
      const sent = request(`${this.url}${path}`, { method, headers, agent: this.#agent, timeout: ANSWER_MS_MAX }, (response) => {
        for (const cookie of response.headers['set-cookie'] ?? []) this.#keep(cookie);
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.on('error', (error) => fail(new CliError(EXIT.unreachable, 'EDGE_UNREACHABLE', `the edge does not answer: ${error.message}`)));
      sent.end(body);
    });
  }

  #keep(cookie: string): void {
    const [pair = ''] = cookie.split(';', 1);
    const at = pair.indexOf('=');
    this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}
