/** An order as it was fetched. */
export interface Order {
  readonly orderId: string;
  readonly action: string;
  readonly resources: readonly string[];
  readonly expiresAt: string;
}

export interface Resource {
  readonly id: string;
  readonly class: string;
  readonly subject: string;
  readonly created: string;
  readonly closed?: string;
}

/** An answer that is none of success; `code` is Countersign's. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`${String(status)} ${code}`);
  }
}

const REQUEST_MS_MAX = 30_000;

/** The four requests that a service needs, with its API key. */
export class Countersign {
  readonly #types: string;

  constructor(
    origin: string,
    organization: string,
    private readonly key: () => Promise<string>,
  ) {
    this.#types = `${origin}/v1/organizations/${organization}/retention/types`;
  }

  async register(type: string, description: object): Promise<void> {
    await this.#post('', { type, ...description });
  }

  async report(type: string, resources: readonly Resource[], removed: readonly string[]): Promise<void> {
    await this.#post(`/${type}/resources`, { resources, removed });
  }

  async orders(type: string): Promise<readonly Order[]> {
    return ((await this.#post(`/${type}/orders`, {})) as { readonly orders: readonly Order[] }).orders;
  }

  /** The certificate, where anything is gone. */
  async confirm(type: string, orderId: string, gone: readonly string[]): Promise<string | undefined> {
    return ((await this.#post(`/${type}/orders/${orderId}/confirm`, { gone })) as { readonly certificate?: string }).certificate;
  }

  /** Throws Refused, and what fetch throws when nobody answers. */
  async #post(path: string, body: object): Promise<unknown> {
    const answer = await fetch(`${this.#types}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await this.key()}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Refused(answer.status, (JSON.parse(text) as { readonly code?: string }).code ?? 'none');
    return JSON.parse(text) as unknown;
  }
}
