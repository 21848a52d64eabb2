import { readFileSync } from 'node:fs';
import { BUS_EXCEPTIONS, type BusRight, busAccountOf } from '@countersign/contracts';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';

/** What one user heard. */
export interface Heard {
  readonly user: string;
  readonly subject: string;
  readonly data: string;
}

/** One user of the bus on a bare connection, which does what it is told and keeps what the server refuses. */
export class Probe {
  readonly refused = new Set<string>();
  readonly #opened: string[] = [];

  private constructor(
    readonly user: string,
    readonly nats: NatsConnection,
    readonly heard: Heard[],
  ) {}

  static async open(url: string, user: string, seedFile: string, heard: Heard[]): Promise<Probe> {
    const seed = new TextEncoder().encode(readFileSync(seedFile, 'utf8').trim());
    const nats = await connect({ servers: url, name: user, authenticator: nkeyAuthenticator(seed), inboxPrefix: `_INBOX.${user.replace('.', '-')}`, noAsyncTraces: true });
    const probe = new Probe(user, nats, heard);
    probe.#follow().catch(() => undefined);
    return probe;
  }

  async #follow(): Promise<void> {
    for await (const status of this.nats.status()) if (status.type === 'error') this.#refusal(status.error.message);
  }

  #refusal(message: string): void {
    const [, operation, subject] = /Permissions Violation for (Publish|Subscription) to "([^"]+)"/.exec(message) ?? [];
    if (operation !== undefined) this.refused.add(`${operation === 'Publish' ? 'publish' : 'subscribe'} ${subject!}`);
  }

  publish(subject: string, data = this.user, reply?: string): void {
    this.nats.publish(subject, data, { reply });
  }

  subscribe(subject: string): void {
    this.#opened.push(subject);
    this.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.heard.push({ user: this.user, subject: message.subject, data: message.string() });
        else this.#refusal(error.message);
      },
    });
  }

  /** Resolves when the server has judged everything so far, and what it delivered is here. */
  async settle(): Promise<void> {
    await this.nats.flush();
    await this.nats.flush();
  }
}

const SAMPLES = ['acme', 'x1', 'y2', 'z3'];

/** A subject that a pattern of NATS covers. */
export function sampleOf(pattern: string): string {
  return pattern.split('.').map((word, at) => (word === '*' ? SAMPLES[at % SAMPLES.length]! : word === '>' ? 'a.b' : word)).join('.');
}

/** Whether a pattern covers a subject or a narrower pattern (docs.nats.io, subject-based messaging). */
export function covers(pattern: string, subject: string): boolean {
  const [words, given] = [pattern.split('.'), subject.split('.')];
  for (const [at, word] of words.entries()) {
    if (word === '>') return given.length > at;
    // nats-server takes a last `>` for one more word under `*`; what arrives is what the account imports.
    if (word === '*' && given[at] === '>') return words.length === at + 1;
    if (given[at] === undefined || given[at] === '>' || (word !== '*' && word !== given[at])) return false;
  }
  return words.length === given.length;
}

const asks = (rights: readonly BusRight[], user: string): boolean => rights.some(({ kind, from }) => from === user && (kind === 'store' || kind === 'ask' || kind === 'use'));
const answers = (rights: readonly BusRight[], user: string): boolean => rights.some(({ kind, to }) => kind === 'ask' && to.includes(user));

/** Whether the declaration lets a user publish on a subject: said here again, without the code that makes the configuration. */
export function mayPublish(rights: readonly BusRight[], user: string, subject: string): boolean {
  if (covers('_R_.>', subject)) return answers(rights, user);
  if ((BUS_EXCEPTIONS[user] ?? []).some((pattern) => covers(pattern, subject))) return false;
  return rights.some(({ kind, from, subject: pattern }) => kind !== 'hear' && from === user && covers(pattern, subject));
}

/** The same of listening. */
export function maySubscribe(rights: readonly BusRight[], user: string, subject: string): boolean {
  if (user === 'provisioner') return covers('_INBOX.provisioner.>', subject);
  // Who shares the account may open the wide inbox and hears nothing of the provisioner's in it.
  if (covers('_INBOX.>', subject)) return asks(rights, user) && !(user === 'ledger' && covers('_INBOX.provisioner.>', subject));
  return rights.some(({ kind, from, to, subject: pattern }) => covers(pattern, subject) && (kind === 'hear' ? from === user : to.includes(user)));
}

/** Who hears what a user publishes on a subject. */
export function hearersOf(rights: readonly BusRight[], user: string, subject: string, users: readonly string[]): string[] {
  const reached = rights.filter(({ kind, from, subject: pattern }) => from === user && (kind === 'ask' || kind === 'tell') && covers(pattern, subject)).flatMap(({ to }) => to);
  const accounts = new Set([busAccountOf(user), ...reached.map(busAccountOf)]);
  return users.filter((one) => accounts.has(busAccountOf(one)) && (reached.includes(one) || busAccountOf(one) === busAccountOf(user)) && maySubscribe(rights, one, subject));
}
