import type { Appender } from './appender.js';
import { ArrivalOrder } from './arrival-order.js';
import type { Ledger } from './head.js';
import { PARKED_BATCH, ParkedReplay, type ParkedReplayDependencies, type Replayed } from './parked-replay.js';
import type { PendingMessage } from './settle.js';
import { isKeysAway, lastingKeyFault } from '../keys/keys-away.js';

export interface LedgerIntakeDependencies extends ParkedReplayDependencies {
  readonly newAppender: () => Appender;
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
  private readonly replay: ParkedReplay;
  private turn: Promise<unknown> = Promise.resolve();
  private turns = 0;
  private closed = false;

  constructor(
    readonly ledger: Ledger,
    private readonly deps: LedgerIntakeDependencies,
  ) {
    this.replay = new ParkedReplay(ledger, deps);
  }

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
      if (appender !== undefined) await this.handBack(appender);
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
    await this.replay.end();
  }

  private async handBack(appender: Appender): Promise<void> {
    for (const message of await appender.stop()) {
      if (this.replay.isParked(message)) message.putBack();
      else this.unparked.push(message);
    }
    await this.replay.end();
  }

  private async restart(): Promise<void> {
    // A stop that was asked for before comes first.
    await this.turn;
    if (this.appender !== undefined || this.closed) return;
    const appender = this.deps.newAppender();
    this.starting = appender;
    try {
      let replayed: Replayed;
      // What comes in the meantime is parked behind these, so that it holds up no other ledger.
      do replayed = await this.replay.some(appender);
      while (replayed === PARKED_BATCH);
      await this.inTurn(() => this.replayLast(appender, replayed));
    } finally {
      this.starting = undefined;
      // They are still parked; this only ends the accounting of their bytes.
      if (this.appender !== appender) for (const message of await appender.stop()) message.putBack();
    }
  }

  /** In a turn of its own, so that nobody parks a message which nobody would look for. */
  private async replayLast(appender: Appender, before: Replayed): Promise<void> {
    await this.parkHandedBack();
    let replayed = before;
    while (replayed !== 'stopped' && replayed !== 'postponed') {
      replayed = await this.replay.some(appender);
      if (replayed === 0) break;
    }
    if (replayed === 'stopped' || this.closed) return;
    this.appender = appender;
    // While keys are away, or refused, nothing but the parked messages waits for them.
    this.replay.postpone(appender, replayed);
  }

  private async parkHandedBack(): Promise<void> {
    for (let message = this.unparked[0]; message !== undefined; message = this.unparked[0]) {
      try {
        await this.parkOne(message);
      } catch (error) {
        // The bus keeps what cannot be sealed now, or what nobody can seal until somebody mends its key.
        if (!isKeysAway(error) && lastingKeyFault(error) === undefined) throw error;
        message.putBack(error);
      }
      this.unparked.shift();
    }
  }

  /** Behind those that were handed back before it came. */
  private async park(message: PendingMessage): Promise<void> {
    await this.parkHandedBack();
    await this.parkOne(message);
  }

  private async parkOne(message: PendingMessage): Promise<void> {
    await this.deps.parked.keep(this.ledger, message);
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
