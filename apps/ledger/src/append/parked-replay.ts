import { setTimeout as sleep } from 'node:timers/promises';
import type { Appender } from './appender.js';
import type { Ledger } from './head.js';
import type { OpenedMessage, ParkedMessages } from './parked-messages.js';
import type { PendingMessage } from './settle.js';
import { isKeysAway, lastingKeyFault } from '../keys/keys-away.js';

/** Parked messages read back at once. */
export const PARKED_BATCH = 100;
/** Between two tries of parked messages that wait for keys. */
const POSTPONED_MS = 1_000;
/** Between two tries of parked messages that were passed over: somebody may have mended what they lack. */
const PASSED_OVER_MS = 60_000;
/** Parked messages that do not open or whose keys are refused, passed over at once; beyond that the others wait too. */
const UNREADABLE_MAX = 1_000;

/** What becomes of a parked message that is offered again. */
export interface Settle {
  ack(): void;
  putBack(why?: unknown): void;
}

/** Why parked messages stay parked. */
export type Unreplayed = { readonly parkedId: number; readonly fault: string } | { readonly error: unknown };

export interface ParkedReplayDependencies {
  readonly parked: ParkedMessages;
  /** A parked message, to be offered again; `settle` takes the place of its ack and putting back. Rejects when it cannot be begun now. */
  readonly replay: (message: OpenedMessage, settle: Settle) => Promise<PendingMessage>;
  readonly onUnreplayed: (problem: Unreplayed) => void;
  /** Between two tries of messages that were passed over. Default one minute. */
  readonly passedOverMs?: number;
}

/** What takes messages that are offered again. */
export type Taker = Pick<Appender, 'hasStopped' | 'offer' | 'ended'>;

/** How many parked messages were worked off; or that the appender stopped before it was through; or that the rest waits for keys. */
export type Replayed = number | 'stopped' | 'postponed';

/** What became of a parked message: a key that is refused for good is no reason to hold up others. */
type Outcome = 'done' | 'postponed' | { readonly fault: string };

function putBackFor(why: unknown): Outcome {
  const fault = lastingKeyFault(why);
  return fault === undefined ? 'postponed' : { fault };
}

/** Works off the parked messages of one ledger. */
export class ParkedReplay {
  private readonly replayed = new WeakSet<PendingMessage>();
  private readonly unreadable = new Set<number>();
  private postponed: Promise<void> | undefined;
  private stopping = new AbortController();

  constructor(
    private readonly ledger: Ledger,
    private readonly deps: ParkedReplayDependencies,
  ) {}

  /** Whether the message is parked already. */
  isParked(message: PendingMessage): boolean {
    return this.replayed.has(message);
  }

  /** Offers the oldest parked messages and drops those that are settled. Rejects when the store fails. */
  async some(appender: Taker): Promise<Replayed> {
    if (appender.hasStopped) return 'stopped';
    if (this.unreadable.size >= UNREADABLE_MAX) return 'postponed';
    const done: number[] = [];
    const settled: Promise<void>[] = [];
    let found = 0;
    let isPostponed = false;
    try {
      for (const message of await this.deps.parked.oldest(this.ledger, PARKED_BATCH, [...this.unreadable])) {
        found += 1;
        if ('fault' in message) {
          this.passOver(message);
          continue;
        }
        const offered = await this.offerAgain(appender, message);
        settled.push(
          offered.outcome.then((outcome) => {
            if (outcome === 'done') done.push(message.parkedId);
            else if (outcome === 'postponed') isPostponed = true;
            else this.passOver({ parkedId: message.parkedId, fault: outcome.fault });
          }),
        );
      }
    } catch (error) {
      if (!isKeysAway(error)) throw error;
      isPostponed = true;
    }
    if (settled.length > 0) {
      const isThrough = await Promise.race([Promise.all(settled).then(() => true), appender.ended.then(() => false)]);
      await this.deps.parked.drop(this.ledger, done);
      if (!isThrough) return 'stopped';
    }
    return isPostponed ? 'postponed' : found;
  }

  /** Goes on beside an appender that works already, until nothing is parked or it stops. */
  postpone(appender: Taker, replayed: Replayed): void {
    this.postponed = this.untilThrough(appender, replayed);
  }

  /** Ends what {@link postpone} began; the appender has been stopped. Never rejects. */
  async end(): Promise<void> {
    this.stopping.abort();
    await this.postponed;
    this.stopping = new AbortController();
    this.unreadable.clear();
  }

  private async untilThrough(appender: Taker, before: Replayed): Promise<void> {
    const { signal } = this.stopping;
    const { passedOverMs = PASSED_OVER_MS } = this.deps;
    for (let replayed = before; replayed !== 'stopped'; ) {
      const isPassedOver = this.unreadable.size >= (replayed === 0 ? 1 : UNREADABLE_MAX);
      if (replayed === 0 && !isPassedOver) return;
      if (isPassedOver || replayed === 'postponed') await sleep(isPassedOver ? passedOverMs : POSTPONED_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (isPassedOver) this.unreadable.clear();
      replayed = await this.some(appender).catch((error: unknown) => {
        this.deps.onUnreplayed({ error });
        return 'postponed' as const;
      });
    }
  }

  /** Rejects when it cannot be begun now. */
  private async offerAgain(appender: Taker, opened: OpenedMessage): Promise<{ readonly outcome: Promise<Outcome> }> {
    const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
    try {
      const message = await this.deps.replay(opened, { ack: () => resolve('done'), putBack: (why) => resolve(putBackFor(why)) });
      this.replayed.add(message);
      appender.offer(message);
    } catch (error) {
      const refused = putBackFor(error);
      if (refused === 'postponed') throw error;
      resolve(refused);
    }
    return { outcome };
  }

  private passOver({ parkedId, fault }: { readonly parkedId: number; readonly fault: string }): void {
    this.unreadable.add(parkedId);
    this.deps.onUnreplayed({ parkedId, fault });
  }
}
