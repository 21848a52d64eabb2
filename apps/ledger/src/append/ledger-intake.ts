import type { AppendStore } from './append-store.js';
import type { Appender } from './appender.js';
import { ArrivalOrder } from './arrival-order.js';
import type { Ledger } from './head.js';
import type { PendingMessage } from './settle.js';

/** Parked messages read back at once. */
const PARKED_BATCH = 100;

export interface LedgerIntakeDependencies {
  readonly store: Pick<AppendStore, 'park' | 'parked' | 'unpark'>;
  readonly newAppender: () => Appender;
  /** A parked message, to be offered again; `settled` takes the place of its ack. Rejects when it cannot be begun now. */
  readonly replay: (subject: string, body: Buffer, settled: () => void) => Promise<PendingMessage>;
  readonly onParked: () => void;
}

/** The way into one ledger: its appender, or, while the ledger is stopped, the parked messages. */
export class LedgerIntake {
  /** Of messages that are made ready for {@link take}. */
  readonly arrivals = new ArrivalOrder();
  private appender: Appender | undefined;
  /** Works off the parked messages before it becomes the appender. */
  private starting: Appender | undefined;
  private resuming: Promise<void> | undefined;
  /** Handed back by a stopped appender, and not parked yet. */
  private readonly unparked: PendingMessage[] = [];
  private turn: Promise<unknown> = Promise.resolve();
  private turns = 0;
  private closed = false;

  constructor(
    readonly ledger: Ledger,
    private readonly deps: LedgerIntakeDependencies,
  ) {}

  get isStopped(): boolean {
    return this.appender === undefined;
  }

  /** Takes a message; its `ack` is called once it is settled or parked. Rejects when it could not even be parked. */
  async take(message: PendingMessage): Promise<void> {
    if (this.appender !== undefined && this.turns === 0) {
      this.appender.offer(message);
      return;
    }
    await this.inTurn(async () => {
      if (this.appender !== undefined) this.appender.offer(message);
      else await this.park(message);
    });
  }

  /** Stops appending: what is queued and what comes is parked until {@link resume}. */
  async stop(): Promise<void> {
    await this.starting?.stop();
    await this.resuming?.catch(() => undefined);
    await this.inTurn(async () => {
      const { appender } = this;
      this.appender = undefined;
      if (appender !== undefined) this.unparked.push(...(await appender.stop()));
      await this.parkHandedBack();
    });
  }

  /** Appends again, the parked messages first. Once for all who ask at the same time. */
  resume(): Promise<void> {
    this.resuming ??= this.restart().finally(() => (this.resuming = undefined));
    return this.resuming;
  }

  /** Finishes what is in flight. The rest is not acknowledged: the bus sends it again. */
  async close(): Promise<void> {
    this.closed = true;
    await this.starting?.stop();
    await this.appender?.stop();
  }

  private async restart(): Promise<void> {
    // A stop that was asked for before comes first.
    await this.turn;
    if (this.appender !== undefined || this.closed) return;
    const appender = this.deps.newAppender();
    this.starting = appender;
    try {
      // What comes in the meantime is parked behind these, so that it holds up no other ledger.
      while ((await this.replay(appender)) === PARKED_BATCH) continue;
      await this.inTurn(() => this.replayLast(appender));
    } finally {
      this.starting = undefined;
      // They are still parked; this only ends the accounting of their bytes.
      if (this.appender !== appender) for (const message of await appender.stop()) message.ack();
    }
  }

  /** In a turn of its own, so that nobody parks a message which nobody would look for. */
  private async replayLast(appender: Appender): Promise<void> {
    await this.parkHandedBack();
    let replayed: number | undefined;
    do replayed = await this.replay(appender);
    while (replayed !== undefined && replayed > 0);
    if (replayed !== undefined && !this.closed) this.appender = appender;
  }

  /** Works off some parked messages and says how many; undefined when the appender stopped before it was through. */
  private async replay(appender: Appender): Promise<number | undefined> {
    if (appender.hasStopped) return undefined;
    const parked = await this.deps.store.parked(this.ledger, PARKED_BATCH);
    if (parked.length === 0) return 0;
    const settled: Promise<void>[] = [];
    for (const { subject, body } of parked) {
      let settle!: () => void;
      const message = await this.deps.replay(subject, body, () => settle());
      settled.push(new Promise((resolve) => (settle = resolve)));
      appender.offer(message);
    }
    const all = Promise.all(settled).then(() => true);
    if (!(await Promise.race([all, appender.ended.then(() => false)]))) return undefined;
    await this.deps.store.unpark(this.ledger, parked.map(({ parkedId }) => parkedId));
    return parked.length;
  }

  private async parkHandedBack(): Promise<void> {
    for (let message = this.unparked[0]; message !== undefined; message = this.unparked[0]) {
      await this.parkOne(message);
      this.unparked.shift();
    }
  }

  /** Behind those that were handed back before it came. */
  private async park(message: PendingMessage): Promise<void> {
    await this.parkHandedBack();
    await this.parkOne(message);
  }

  private async parkOne(message: PendingMessage): Promise<void> {
    await this.deps.store.park(this.ledger, message.subject, message.body);
    this.deps.onParked();
    message.ack();
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.turns += 1;
    const turn = this.turn.then(work).finally(() => (this.turns -= 1));
    this.turn = turn.catch(() => undefined);
    return turn;
  }
}
