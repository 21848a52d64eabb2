import type { Browser, BrowserAnswer } from '@countersign/devstack';
import type { Person, WholeStand } from './whole-stand.js';

/** How a route is called rightly. */
export interface Sample {
  readonly by: Browser;
  /** Who is on record as having done it. */
  readonly actor?: string;
  /** Nobody knows who does it: the edge is on record, and where the request came from. */
  readonly isStranger?: true;
  readonly path?: Readonly<Record<string, string>>;
  /** With its question mark. */
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a route that can be called once only, and was: what came. */
  readonly before?: { readonly answer: BrowserAnswer; readonly correlationId: string };
  /** What it is done to; absent on routes that read. */
  readonly resource?: { readonly type: string; readonly id?: string };
}

/** People that several samples share. */
export class Cast {
  #plain: Promise<Person> | undefined;
  #enrolled: Promise<Person> | undefined;

  constructor(readonly stand: WholeStand) {}

  /** Somebody without a second factor. */
  plain(): Promise<Person> {
    return (this.#plain ??= this.stand.person());
  }

  /** Somebody with one. */
  enrolled(): Promise<Person> {
    return (this.#enrolled ??= this.stand.person().then(async (person) => {
      await person.account.enrol(person.browser);
      return person;
    }));
  }

  /** A sample of what somebody does with his own account. */
  own({ account, browser }: Person, rest: Omit<Sample, 'by' | 'actor'> = {}): Sample {
    return { by: browser, actor: account.userId, resource: { type: 'user', id: account.userId }, ...rest };
  }

  /** A sample of what the administrator does with somebody's. */
  over({ account }: Person, body?: unknown): Sample {
    const { admin } = this.stand;
    return { by: admin.browser, actor: admin.account.userId, path: { userId: account.userId }, resource: { type: 'user', id: account.userId }, ...(body === undefined ? {} : { body }) };
  }
}

export type Make = (cast: Cast) => Promise<Sample>;
