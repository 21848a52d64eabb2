import { BUS_EXCEPTIONS, BUS_RIGHTS, busAccountOf, type BusRight } from '@countersign/contracts';

/** What nats-server is told of one user: subjects, with the wildcards of NATS. What is in no list is refused. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly publishNot: readonly string[];
  readonly subscribe: readonly string[];
  readonly subscribeNot: readonly string[];
}

/** A user of the configuration: its public nkey (`U…`), or the variable that holds it. */
export interface BusUserKey {
  readonly user: string;
  readonly nkey: string;
}

const REQUESTING = new Set(['store', 'ask', 'use']);
/** Where nats-server has answers to a requester of another account sent. */
const REPLIES = '_R_.>';
const INBOXES = '_INBOX.>';
const PROVISIONER_INBOX = '_INBOX.provisioner.>';

const unique = (subjects: readonly string[]): string[] => [...new Set(subjects)];

/**
 * The permissions of a user by the declared rights. Answers are heard in inboxes of the user's own account, where nobody else
 * is; the provisioner, who shares the ledger's, has a prefix of its own there. There is no `allow_responses`: with it a responder
 * may publish on whatever subject a requester names, `ledger.receipt.x` included.
 */
export function permissionsOf(user: string, rights: readonly BusRight[] = BUS_RIGHTS): Permissions {
  const own = rights.filter(({ from }) => from === user);
  const towards = rights.filter(({ to }) => to.includes(user));
  const asks = own.some(({ kind }) => REQUESTING.has(kind));
  const answers = towards.some(({ kind }) => kind === 'ask');
  const inbox = user === 'provisioner' ? PROVISIONER_INBOX : INBOXES;
  return {
    publish: unique([...own.filter(({ kind }) => kind !== 'hear').map(({ subject }) => subject), ...(answers ? [REPLIES] : [])]),
    publishNot: BUS_EXCEPTIONS[user] ?? [],
    subscribe: unique([...towards.map(({ subject }) => subject), ...own.filter(({ kind }) => kind === 'hear').map(({ subject }) => subject), ...(asks ? [inbox] : [])]),
    subscribeNot: user === 'ledger' ? [PROVISIONER_INBOX] : [],
  };
}

/** What crosses from one account to another. */
export interface Crossing {
  readonly kind: 'service' | 'stream';
  readonly subject: string;
  /** The account that offers it: of a service who answers, of a stream who speaks. */
  readonly exporter: string;
  readonly importers: readonly string[];
}

const STREAMS_OWNER = 'LEDGER';

/** What the accounts export and import, by the declared rights. */
export function crossingsOf(rights: readonly BusRight[] = BUS_RIGHTS): Crossing[] {
  const crossings = new Map<string, Crossing>();
  const add = (kind: Crossing['kind'], subject: string, exporter: string, importer: string): void => {
    if (exporter === importer) return;
    const name = `${kind} ${subject} ${exporter}`;
    const known = crossings.get(name)?.importers ?? [];
    crossings.set(name, { kind, subject, exporter, importers: unique([...known, importer]) });
  };
  for (const { kind, subject, from, to } of rights) {
    const account = busAccountOf(from);
    if (kind === 'store') add('service', subject, STREAMS_OWNER, account);
    for (const other of to.map(busAccountOf)) {
      if (kind === 'ask') add('service', subject, other, account);
      if (kind === 'tell') add('stream', subject, account, other);
    }
  }
  return [...crossings.values()];
}
