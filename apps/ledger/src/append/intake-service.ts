import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChainFault, type Address, type Receipt } from '@countersign/chain';
import { receiptSubject, refusedSubject, type Refusal } from '@countersign/contracts';
import type { Logger } from '@countersign/runtime';
import type { AppendStore } from './append-store.js';
import { Appender, type Settled } from './appender.js';
import { RowBuffers } from './copy-rows.js';
import type { RandomBytes } from './batch.js';
import type { BodySealer } from './body-sealer.js';
import type { ContentDigester } from './content-digest.js';
import { emptyHead, type Head, type Ledger } from './head.js';
import { admitMessage, parseIntakeSubject, readPersonal } from './intake-message.js';
import type { IntakeMetrics } from './intake-metrics.js';
import { encodeReceipts } from './encode-receipts.js';
import { LedgerIntake } from './ledger-intake.js';
import { ParkedMessages, type OpenedMessage } from './parked-messages.js';
import type { Settle, Unreplayed } from './parked-replay.js';
import { sealMessage, SealedParts, type MessageParts, type PersonalSealer } from './sealed-parts.js';
import type { PendingMessage } from './settle.js';
import { storedField, storedRefusal, storedSubject } from './stored-refusal.js';
import { StuckMessages } from './stuck-messages.js';
import { lastingKeyFault } from '../keys/keys-away.js';

const MESSAGE_RETRY_DELAY_MS = 1_000;
/** Of a message that waits for a key which is refused: long enough that such messages leave the others their turn. */
const STUCK_RETRY_DELAY_MS = 60_000;
/** Of a message that belongs to no ledger. */
const NO_TENANT = 'none';
const RECEIPTS_A_MESSAGE_MAX = 500;

/** A message as the bus hands it over. */
export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly redelivered: boolean;
  readonly headers?: { get(name: string): string } | undefined;
  ack(): void;
  nak(delayMs: number): void;
}

/** Where a message waits for keys without holding up others. */
export interface WaitingPlace {
  /** Resolves when it is kept there; the same message under one name is kept once. */
  keep(subject: string, data: Uint8Array, name: string): Promise<void>;
}

export interface IntakeDependencies {
  readonly waiting: WaitingPlace;
  readonly store: AppendStore;
  readonly digester: ContentDigester;
  /** Never throws. What is lost is asked for again: producers send until they have their receipt. */
  readonly publish: (subject: string, data: string) => void;
  readonly now: () => Date;
  readonly randomBytes: RandomBytes;
  /** Encrypts personal parts; undefined: they are salted only. */
  readonly personal: PersonalSealer | undefined;
  /** Seals what is refused and what is parked. */
  readonly sealer: BodySealer;
  readonly metrics: IntakeMetrics;
  readonly log: Logger;
  /** A ledger was opened by this instance. */
  readonly onOpened: (ledger: Ledger) => Promise<{ stopped: boolean }>;
  readonly onGrown: (ledger: Ledger, head: Head) => void;
  readonly onBroken: (ledger: Ledger, fault: ChainFault) => void;
}

/** Routes messages to the appender of their ledger, and tells their producers what became of them. */
export class IntakeService {
  private readonly ledgers = new Map<string, Promise<LedgerIntake>>();
  private readonly intakes = new Set<LedgerIntake>();
  private readonly rowBuffers = new RowBuffers();
  private unsettledBytes = 0;
  /** Messages to producers, one after the other. */
  private telling: Promise<void> = Promise.resolve();

  private readonly parked: ParkedMessages;
  private readonly stuck: StuckMessages;

  constructor(private readonly deps: IntakeDependencies) {
    this.parked = new ParkedMessages(deps.store, deps.sealer);
    this.stuck = new StuckMessages({ metrics: deps.metrics, log: deps.log, monotonicMs: () => performance.now() });
  }

  /** Takes one message from the bus. Acks it once it is committed, quarantined, parked or waits elsewhere; naks what could not be begun. */
  receive(message: BusMessage): Promise<void> {
    return this.begin(message, message.redelivered, () => this.sendToWait(message));
  }

  /** The same of a message that has waited for keys: while they are away, or refused, it goes on waiting where it is. */
  receiveWaiting(message: BusMessage): Promise<void> {
    // Some of its events may be on record since it came the first time.
    return this.begin(message, true, (why) => message.nak(lastingKeyFault(why) === undefined ? MESSAGE_RETRY_DELAY_MS : STUCK_RETRY_DELAY_MS));
  }

  private async begin(message: BusMessage, redelivered: boolean, putBack: (why?: unknown) => void): Promise<void> {
    const { subject, data } = message;
    try {
      const address = this.addressOf(subject);
      if (address === undefined) return await this.refuseSubject(message);
      const intake = await this.open(address.tenant);
      const pending = await intake.arrivals.keep(this.pending({ subject, data, redelivered, headers: message.headers, ack: () => message.ack(), putBack }, address));
      try {
        await intake.take(pending);
      } catch (error) {
        this.unsettledBytes -= data.length;
        throw error;
      }
    } catch (error) {
      // Who needs no key goes on, whatever is wrong with a key.
      if (this.stuck.note(this.addressOf(subject)?.tenant ?? NO_TENANT, error)) return putBack(error);
      this.deps.log.warn({ err: error, subject }, 'message put back: it could not be begun');
      message.nak(MESSAGE_RETRY_DELAY_MS);
    }
  }

  private sendToWait(message: BusMessage): void {
    const { waiting, sealer, metrics, log } = this.deps;
    const { subject, data } = message;
    metrics.deferred.inc();
    waiting.keep(subject, data, sealer.digest(data).toString('hex')).then(
      () => message.ack(),
      (error: unknown) => {
        log.warn({ err: error }, 'a message that waits for keys stays in the intake');
        message.nak(MESSAGE_RETRY_DELAY_MS);
      },
    );
  }

  /** Opens a ledger, creating it if need be. */
  async openLedger(tenant: string): Promise<Ledger> {
    return (await this.open(tenant)).ledger;
  }

  /** Bytes taken from the bus and not yet settled. */
  get backlogBytes(): number {
    return this.unsettledBytes;
  }

  /** Stops appending to a ledger; what is queued and what comes is parked until {@link resume}. */
  async stopLedger(tenant: string): Promise<void> {
    await (await this.open(tenant)).stop();
  }

  /** True while what comes for a ledger is parked. */
  async isStopped(tenant: string): Promise<boolean> {
    return (await this.open(tenant)).isStopped;
  }

  /** Appends again, the parked messages first. */
  async resume(tenant: string): Promise<void> {
    await (await this.open(tenant)).resume();
  }

  /** Finishes what is in flight. What was not begun is not acknowledged: the bus sends it again. */
  async stop(): Promise<void> {
    await Promise.all([...this.intakes].map((intake) => intake.close()));
    await this.told();
  }

  /** Resolves when producers were told of everything that is committed now. */
  told(): Promise<void> {
    return this.telling;
  }

  private open(tenant: string): Promise<LedgerIntake> {
    let opening = this.ledgers.get(tenant);
    if (opening === undefined) {
      opening = this.openIntake(tenant);
      opening.catch(() => this.ledgers.delete(tenant));
      this.ledgers.set(tenant, opening);
    }
    return opening;
  }

  private async openIntake(tenant: string): Promise<LedgerIntake> {
    const ledger = await this.deps.store.ensureLedger(tenant);
    const { stopped } = await this.deps.onOpened(ledger);
    const intake = new LedgerIntake(ledger, {
      parked: this.parked,
      newAppender: () => this.newAppender(ledger),
      replay: ({ subject, body, parts }, settle) => this.pending({ subject, data: body, redelivered: true, ...settle }, parseIntakeSubject(subject), parts),
      onUnreplayed: (problem) => this.unreplayed(ledger, problem),
      onParked: () => this.deps.metrics.parked.inc({ tenant }),
    });
    this.intakes.add(intake);
    try {
      if (!stopped) await intake.resume();
    } catch (error) {
      this.intakes.delete(intake);
      throw error;
    }
    return intake;
  }

  private newAppender(ledger: Ledger): Appender {
    return new Appender(ledger, {
      store: this.deps.store,
      now: this.deps.now,
      randomBytes: this.deps.randomBytes,
      rowBuffers: this.rowBuffers,
      sealer: this.deps.sealer,
      onPutOff: (_, error) => {
        if (!this.stuck.note(ledger.tenant, error)) this.deps.log.error({ err: error, tenant: ledger.tenant }, 'refusals could not be sealed: their messages come again');
      },
      onCommitted: (_, head, settled) => this.committed(ledger, head, settled),
      onBroken: (_, fault) => this.deps.onBroken(ledger, fault),
      onRetry: (_, error) => {
        this.deps.metrics.retries.inc({ tenant: ledger.tenant });
        this.deps.log.warn({ err: error, tenant: ledger.tenant }, 'append failed, the batch is kept and tried again');
      },
    });
  }

  private unreplayed({ tenant }: Ledger, problem: Unreplayed): void {
    if ('error' in problem) this.deps.log.warn({ err: problem.error, tenant }, 'parked messages not worked off, they are tried again');
    else this.stuck.tell(tenant, problem.fault, { parkedId: problem.parkedId });
  }

  /** @param parts of a message that was masked: sealed before */
  private async pending(message: Omit<BusMessage, 'ack' | 'nak'> & Settle, address: Address, parts?: OpenedMessage['parts']): Promise<PendingMessage> {
    const { digester, personal } = this.deps;
    let sealed: MessageParts | undefined;
    if (parts !== undefined) sealed = SealedParts.ofEvents(parts);
    else if (personal !== undefined) sealed = await sealMessage(address.tenant, message.data, () => readPersonal(address, message.data), personal, !message.redelivered);
    this.unsettledBytes += message.data.length;
    return {
      subject: message.subject,
      source: address.source,
      body: message.data,
      sealed,
      redelivered: message.redelivered,
      // Once a message, and hardly any has headers.
      traceparent: message.headers?.get('traceparent'),
      admit: () => admitMessage(address, message.data, digester),
      ack: () => {
        this.unsettledBytes -= message.data.length;
        message.ack();
      },
      putBack: (why) => {
        this.unsettledBytes -= message.data.length;
        message.putBack(why);
      },
    };
  }

  private committed(ledger: Ledger, head: Head, settled: readonly Settled[]): void {
    const { tenant } = ledger;
    const bySource = new Map<string, { recorded: Receipt[]; repeated: Receipt[]; refusals: Refusal[] }>();
    let grown = 0;
    for (const { message, settlement } of settled) {
      let out = bySource.get(message.source);
      if (out === undefined) bySource.set(message.source, (out = { recorded: [], repeated: [], refusals: [] }));
      out.recorded.push(...settlement.recorded);
      out.repeated.push(...settlement.repeated);
      out.refusals.push(...settlement.refusals);
      grown += settlement.recorded.length;
    }
    if (grown > 0) this.deps.onGrown(ledger, head);
    const telling = this.telling.then(async () => {
      for (const [source, out] of bySource) await this.tell(tenant, source, out);
    });
    // One failure must not silence all that follows.
    this.telling = telling.catch((error: unknown) => this.deps.log.error({ err: error, tenant }, 'producers were not told'));
    this.deps.metrics.batch.observe({ tenant }, grown);
    this.deps.metrics.size.set({ tenant }, head.treeSize);
  }

  /** One message a turn of the event loop: thousands of receipts take as long to write as to chain. */
  private async tell(tenant: string, source: string, out: { recorded: Receipt[]; repeated: Receipt[]; refusals: Refusal[] }): Promise<void> {
    const { metrics, publish } = this.deps;
    metrics.recorded.inc({ tenant, source }, out.recorded.length);
    if (out.repeated.length > 0) metrics.repeated.inc({ tenant, source }, out.repeated.length);
    for (let at = 0; at < out.recorded.length; at += RECEIPTS_A_MESSAGE_MAX) {
      publish(receiptSubject(source), encodeReceipts(out.recorded.slice(at, at + RECEIPTS_A_MESSAGE_MAX), []));
      await nextTurn();
    }
    for (let at = 0; at < out.repeated.length; at += RECEIPTS_A_MESSAGE_MAX) {
      publish(receiptSubject(source), encodeReceipts([], out.repeated.slice(at, at + RECEIPTS_A_MESSAGE_MAX)));
      await nextTurn();
    }
    for (let at = 0; at < out.refusals.length; at += RECEIPTS_A_MESSAGE_MAX) {
      const refusals = out.refusals.slice(at, at + RECEIPTS_A_MESSAGE_MAX);
      publish(refusedSubject(source), JSON.stringify({ refusals }));
    }
    for (const { code, field } of out.refusals) {
      metrics.refused.inc({ tenant, source, code });
      this.deps.log.warn({ tenant, source, code, field: storedField(code, field) }, 'event refused and quarantined');
    }
  }

  private addressOf(subject: string): { source: string; tenant: string } | undefined {
    try {
      return parseIntakeSubject(subject);
    } catch (fault) {
      if (fault instanceof ChainFault) return undefined;
      throw fault;
    }
  }

  /** No ledger can be told from the subject: kept in quarantine, beside the system ledger. */
  private async refuseSubject(message: BusMessage): Promise<void> {
    const fault = new ChainFault('SUBJECT_INVALID', 'the subject must be intake.<source>.<tenant>', { field: 'subject' });
    const { ledger } = await this.open('system');
    const body = await this.deps.sealer.seal('quarantine', ledger.tenant, message.data);
    const row = { ...storedRefusal(storedSubject(message.subject), undefined, fault), body };
    // Nothing is chained, so the head is not looked at: a ledger that is broken can still refuse.
    const head = emptyHead(ledger.origin);
    await this.deps.store.commit({ ledger, base: head, next: head, entries: undefined, tiles: [], quarantine: [row], accounted: [] });
    this.deps.metrics.refused.inc({ tenant: 'none', source: 'none', code: fault.code });
    this.deps.log.warn({ code: fault.code }, 'message refused and quarantined');
    message.ack();
  }
}
