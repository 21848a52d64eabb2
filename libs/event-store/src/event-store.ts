import { setTimeout as sleep } from 'node:timers/promises';
import { openRelay, uuidV7Source, type BusChoice, type DeliveryOptions, type OpenRelay, type RelayOptions, type RelayStats } from '@countersign/client';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import type { Aggregate, DomainEvent, Past } from './aggregate.js';
import { EventStoreFault } from './fault.js';
import { LedgerSide } from './ledger-side.js';
import { NewStreams } from './new-streams.js';
import { Personal, type OpenedPart, type PersonalCipher } from './personal.js';
import { prepare, type Cause, type Origin, type PreparedEvent } from './prepare.js';
import { recordedFromRow, type RecordedEvent } from './recorded-event.js';
import { EventRelayRows } from './relay-rows.js';
import { EventRows, type StreamName } from './rows.js';
import { checkSource, checkSqlName, relayChannel } from './schema.js';

const NAME_PATTERN = /^[\x21-\x7e]{1,200}$/;
/** Appends without an expected version that meet others are tried again this often. */
const END_TRIES_MAX = 50;
/** Between two tries after a conflict, at random up to this, so that writers that met do not meet again. */
const CONFLICT_PAUSE_MS_MAX = 20;

export interface EventStoreOptions {
  /** Name of the service: event types start with it. */
  readonly source: string;
  readonly pool: Pool;
  /** Schema of the tables of `eventStoreMigrationSql`. */
  readonly schema: string;
  /** Needed for events with personal parts. */
  readonly cipher?: PersonalCipher;
  /** How to reach the ledger. Absent: another instance relays, and nothing arrives while none does. */
  readonly relay?: BusChoice & DeliveryOptions & Pick<RelayOptions, 'gatherMs'>;
  readonly clock?: () => number;
  /** Makes event ids. Default UUID version 7. */
  readonly newId?: () => string;
}

/**
 * Brings the read tables up to date, in the transaction that stores the events. Personal parts come sealed: nothing
 * here is fit to be written in clear. What it throws rolls everything back.
 */
export type Project = (client: PoolClient, events: readonly RecordedEvent[]) => Promise<void>;

interface Request extends Cause {
  readonly tenant: string;
  /** Makes the command idempotent, for ever: given again for the same stream it yields the first result and no new events. */
  readonly commandId?: string;
  readonly project?: Project;
}

export interface AppendRequest extends Request {
  readonly stream: string;
  /** Version of the stream on which the events were decided; 0 for a new stream. Absent: at its end, whatever that is. */
  readonly expectedVersion?: number;
  readonly events: readonly DomainEvent[];
}

/** A new stream of one event, and nothing else to be stored with it. */
export interface StartRequest extends Cause {
  readonly tenant: string;
  readonly stream: string;
  readonly event: DomainEvent;
}

export interface ExecuteRequest<Command> extends Request {
  readonly id: string;
  readonly command: Command;
  /** How often to load and decide again after STREAM_VERSION_CONFLICT. Default 0. */
  readonly retriesMax?: number;
}

export interface Appended {
  /** The command's events. */
  readonly events: readonly RecordedEvent[];
  /** Version of the stream after them. */
  readonly version: number;
  /** True: the command had been carried out before. */
  readonly repeated: boolean;
}

export interface Loaded<State> {
  readonly state: State;
  readonly version: number;
}

/** See `openEventStore`. */
export class EventStore {
  /** What of the stored events has reached the ledger. */
  readonly ledger: LedgerSide;
  readonly #rows: EventRows;
  readonly #newStreams: NewStreams;
  readonly #origin: Origin;
  readonly #relay: OpenRelay | undefined;
  #waking: 'no' | 'yes' | 'again' = 'no';

  constructor(options: EventStoreOptions) {
    const source = checkSource(options.source);
    const schema = checkSqlName(options.schema, 'schema');
    const clock = options.clock ?? Date.now;
    const personal = new Personal(source, options.cipher);
    const { pool, relay } = options;
    this.#rows = new EventRows(pool, schema);
    this.#newStreams = new NewStreams(this.#rows);
    this.#origin = { source, personal, newId: options.newId ?? uuidV7Source(clock), nowIso: () => new Date(clock()).toISOString() };
    this.ledger = new LedgerSide(pool, schema);
    this.#relay = relay && openRelay({
      ...relay, source, pool,
      rows: new EventRelayRows(pool, schema, source, personal, relay.log),
      lockName: `countersign.events/${schema}`,
      channel: relayChannel(schema),
    });
  }

  /**
   * Loads the aggregate, decides, and stores what was decided.
   * Rejects with what `decide` throws, with EventStoreFault, or with PostgreSQL's error. After a broken connection the
   * outcome is unknown: give a command id and execute again.
   */
  async execute<State, Command, E extends DomainEvent>(
    aggregate: Aggregate<State, Command, E>,
    request: ExecuteRequest<Command>,
  ): Promise<Appended & Loaded<State>> {
    const name = { tenant: request.tenant, stream: streamOf(aggregate, request.id) };
    const start: Loaded<State> = { state: aggregate.initialState, version: 0 };
    let loaded = start;
    for (let triesLeft = request.retriesMax ?? 0; ; triesLeft--) {
      loaded = await this.#forward(aggregate, name, loaded);
      // Looked up after loading: if the loaded state holds the command's events, the command is found.
      const known = await this.#known(request, name);
      if (known !== undefined) return { ...known, ...(await this.#forward(aggregate, name, start, known.version)) };
      const decided = aggregate.decide(request.command, loaded.state);
      const events = await prepare(this.#origin, name.tenant, decided, request);
      // Before they are stored: a stream that cannot be loaded any more would be worse than a command that fails.
      const after = await this.#fold(aggregate, loaded, recorded(name, loaded.version, events));
      const appended = await this.#tryStore(request, name, loaded.version, events, triesLeft > 0);
      if (appended !== undefined) return { ...appended, ...after };
    }
  }

  /**
   * Decides on a second aggregate, for the transaction of a command on another one: what it resolves with stores the events
   * and brings their read tables along, and is called by that command's `project`. Rejects as `execute` does; what it resolves
   * with throws STREAM_VERSION_CONFLICT when the stream has gone on meanwhile.
   */
  async stage<State, Command, E extends DomainEvent>(
    aggregate: Aggregate<State, Command, E>,
    request: Omit<ExecuteRequest<Command>, 'commandId' | 'retriesMax'>,
  ): Promise<(client: PoolClient) => Promise<void>> {
    const name = { tenant: request.tenant, stream: streamOf(aggregate, request.id) };
    const loaded = await this.#forward(aggregate, name, { state: aggregate.initialState, version: 0 });
    const events = await prepare(this.#origin, name.tenant, aggregate.decide(request.command, loaded.state), request);
    const after = recorded(name, loaded.version, events);
    await this.#fold(aggregate, loaded, after);
    return async (client) => {
      if (events.length === 0) return;
      await this.#rows.insertEvents(client, name, loaded.version, events);
      await request.project?.(client, after);
    };
  }

  /** Stores events that were decided elsewhere. Rejects as `execute` does. */
  async append(request: AppendRequest): Promise<Appended> {
    const name = { tenant: request.tenant, stream: checkName(request.stream, 'STREAM_MALFORMED', 'stream') };
    for (let triesLeft = request.expectedVersion === undefined ? END_TRIES_MAX : 0; ; triesLeft--) {
      const known = await this.#known(request, name);
      if (known !== undefined) return known;
      const version = request.expectedVersion ?? (await this.#rows.version(name));
      const events = await prepare(this.#origin, name.tenant, request.events, request);
      const appended = await this.#tryStore(request, name, version, events, triesLeft > 0);
      if (appended !== undefined) return appended;
    }
  }

  /**
   * Stores the first event of a new stream; those who ask while others are being committed share a transaction. Rejects
   * with STREAM_VERSION_CONFLICT when the stream exists, else as `execute` does.
   */
  async start({ tenant, stream, event, ...cause }: StartRequest): Promise<void> {
    const name = { tenant, stream: checkName(stream, 'STREAM_MALFORMED', 'stream') };
    const [prepared] = await prepare(this.#origin, tenant, [event], cause);
    await this.#newStreams.add(name, prepared!);
    this.#wakeRelay();
  }

  /** State and version of an aggregate; its initial state and 0 when it has no events. Throws STREAM_DAMAGED, PERSONAL_*. */
  async load<State, Command, E extends DomainEvent>(aggregate: Aggregate<State, Command, E>, tenant: string, id: string): Promise<Loaded<State>> {
    return this.#forward(aggregate, { tenant, stream: streamOf(aggregate, id) }, { state: aggregate.initialState, version: 0 });
  }

  /** The stream's events after version `after`, oldest first, read from the database in pages. */
  async *read(tenant: string, stream: string, after = 0): AsyncGenerator<RecordedEvent> {
    for await (const page of this.#rows.pages({ tenant, stream }, after, Number.MAX_SAFE_INTEGER)) yield* page;
  }

  /** Parts in clear, for each event its own. Throws PERSONAL_UNREADABLE, and what the cipher rejects with. */
  async openPersonal(events: readonly RecordedEvent[]): Promise<(readonly OpenedPart[])[]> {
    return (await this.#origin.personal.open(events)).map((parts) => {
      if ('fault' in parts) throw new EventStoreFault('PERSONAL_UNREADABLE', `a personal part does not open: ${parts.fault}`, 'personal');
      return parts;
    });
  }

  /** Counters of this process since it became the active relay; undefined if it was opened without `relay`. */
  relayStats(): RelayStats | undefined {
    return this.#relay?.stats();
  }

  /** Stops relaying. What has no receipt stays and is sent by the next relay. The pool stays open. */
  async close(): Promise<void> {
    await this.#relay?.close();
  }

  async #forward<State, Command, E extends DomainEvent>(
    aggregate: Aggregate<State, Command, E>,
    name: StreamName,
    from: Loaded<State>,
    to = Number.MAX_SAFE_INTEGER,
  ): Promise<Loaded<State>> {
    let loaded = from;
    for await (const page of this.#rows.pages(name, from.version, to)) loaded = await this.#fold(aggregate, loaded, page);
    return loaded;
  }

  async #fold<State, Command, E extends DomainEvent>(aggregate: Aggregate<State, Command, E>, from: Loaded<State>, events: readonly RecordedEvent[]): Promise<Loaded<State>> {
    const personal = aggregate.opensPersonal === true ? await this.openPersonal(events) : [];
    const state = events.reduce((state, event, at) => aggregate.evolve(state, { ...event, personal: personal[at] } as unknown as Past<E>), from.state);
    return { state, version: from.version + events.length };
  }

  async #known({ tenant, commandId }: Request, name: StreamName): Promise<Appended | undefined> {
    if (commandId === undefined) return undefined;
    checkName(commandId, 'COMMAND_ID_MALFORMED', 'commandId');
    const command = await this.#rows.command(tenant, commandId);
    if (command === undefined) return undefined;
    if (command.stream !== name.stream) throw new EventStoreFault('COMMAND_ID_REUSED', 'the command id belongs to a command on another stream', 'commandId');
    const events: RecordedEvent[] = [];
    for await (const page of this.#rows.pages(name, command.version - command.events, command.version)) events.push(...page);
    return { events, version: command.version, repeated: true };
  }

  /** Undefined when the command turns out to be known, or when it met another writer and `mayTryAgain`, after a pause. */
  async #tryStore(request: Request, name: StreamName, expected: number, events: readonly PreparedEvent[], mayTryAgain: boolean): Promise<Appended | undefined> {
    try {
      if (!(await this.#store(request, name, expected, events))) return undefined;
    } catch (error) {
      if (!mayTryAgain || !(error instanceof EventStoreFault) || error.code !== 'STREAM_VERSION_CONFLICT') throw error;
      await sleep(Math.random() * CONFLICT_PAUSE_MS_MAX);
      return undefined;
    }
    return { events: recorded(name, expected, events), version: expected + events.length, repeated: false };
  }

  /** Command, events and read tables in one transaction. False if the command is known. */
  async #store({ commandId, project }: Request, name: StreamName, expected: number, events: readonly PreparedEvent[]): Promise<boolean> {
    if (events.length === 0 && commandId === undefined) return true;
    const rows = this.#rows;
    // Nothing else to store: one statement is a transaction of its own.
    if (commandId === undefined && project === undefined) await rows.insertEvents(rows.pool, name, expected, events);
    else {
      const isNew = await withTransaction(rows.pool, async (client) => {
        const command = { stream: name.stream, version: expected + events.length, events: events.length };
        if (commandId !== undefined && !(await rows.insertCommand(client, name.tenant, commandId, command))) return false;
        if (events.length === 0) return true;
        await rows.insertEvents(client, name, expected, events);
        await project?.(client, recorded(name, expected, events));
        // The commit that follows is the commit point: from then on the events have happened and will reach the ledger.
        return true;
      });
      if (!isNew) return false;
    }
    this.#wakeRelay();
    return true;
  }

  /**
   * After the commit, not in it: a transaction that notifies holds a lock on all others until it is flushed. One
   * notification at a time; one that is lost costs a poll of the relay. None when the relay is in this process.
   */
  #wakeRelay(): void {
    if (this.#relay?.wake() === true) return;
    if (this.#waking !== 'no') {
      this.#waking = 'again';
      return;
    }
    this.#waking = 'yes';
    const woken = (): void => {
      const again = this.#waking === 'again';
      this.#waking = 'no';
      if (again) this.#wakeRelay();
    };
    this.#rows.wakeRelay().then(woken, woken);
  }
}

function recorded({ tenant, stream }: StreamName, expected: number, events: readonly PreparedEvent[]): RecordedEvent[] {
  return events.map(({ id, content, personal }, at) => recordedFromRow({ tenant, event_id: id, event: content, personal: personal ?? null }, stream, expected + at + 1));
}

/** The stream of an aggregate. Throws STREAM_MALFORMED. */
export function streamOf(aggregate: { readonly name: string }, id: string): string {
  return checkName(`${aggregate.name}/${id}`, 'STREAM_MALFORMED', 'id');
}

function checkName(name: string, code: 'STREAM_MALFORMED' | 'COMMAND_ID_MALFORMED', field: string): string {
  if (NAME_PATTERN.test(name)) return name;
  throw new EventStoreFault(code, `${field} must be of 1 to 200 printable ASCII characters without spaces`, field);
}

/**
 * Opens the event store of a service and, with `relay`, starts bringing its events to the ledger. Every instance of the
 * service may do so: one relays, the others stand by. Throws EventStoreFault and EmitError OPTION_INVALID.
 */
export function openEventStore(options: EventStoreOptions): EventStore {
  return new EventStore(options);
}
