import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { WaitingRoom } from '@countersign/bus';
import type { ChainFault } from '@countersign/chain';
import { checkpointSubject, integritySubject, type Verdict } from '@countersign/contracts';
import { hmacContentDigester } from './append/content-digest.js';
import type { Ledger } from './append/head.js';
import { intakeMetrics, type IntakeMetrics } from './append/intake-metrics.js';
import { IntakeService } from './append/intake-service.js';
import { PacedWarnings } from './append/reminders.js';
import { Checkpointer } from './checkpoint/checkpointer.js';
import { isKeysAway } from './keys/keys-away.js';
import { retryUntilDone } from './service-loops.js';
import { serviceMetrics, type ServiceMetrics } from './service-metrics.js';
import type { ServiceParts } from './service-parts.js';
import { FileProgressStore } from './verify/progress-store.js';
import { Verification } from './verify/verification.js';

/** The three flows that change or judge a ledger, wired to each other. */
export class ServiceFlows {
  readonly intake: IntakeService;
  readonly checkpointer: Checkpointer;
  readonly verification: Verification;
  /** Messages that wait for keys. */
  readonly waiting: WaitingRoom;
  private readonly metrics: ServiceMetrics;
  private readonly unsigned: PacedWarnings;

  constructor(private readonly parts: ServiceParts) {
    this.metrics = serviceMetrics(parts.registry, {
      status: () => this.verification.status(),
      backlog: () => this.intake.backlogBytes,
    });
    this.unsigned = new PacedWarnings(parts.log, 'checkpoint not signed, it is tried again');
    this.checkpointer = this.wireCheckpoints();
    this.verification = this.wireVerification();
    const metrics = intakeMetrics(parts.registry);
    this.waiting = this.wireWaiting(metrics);
    this.intake = this.wireIntake(metrics);
  }

  /** Makes a ledger known to readers and to verification before anything is appended to it. */
  async adopt(ledger: Ledger): Promise<{ readonly stopped: boolean }> {
    await this.parts.keys.prepare(ledger.origin);
    const { broken } = await this.verification.watch(ledger);
    return { stopped: broken };
  }

  private wireCheckpoints(): Checkpointer {
    const { keys, archive, stores, config } = this.parts;
    return new Checkpointer(
      {
        signer: keys.signer,
        archive,
        hashSource: (ledger) => stores.tiles.sourceOf(ledger),
        store: (ledger, head, note, signedAt) => stores.checkpoints.add(ledger, head, note, signedAt),
        publish: (ledger, note) => this.tell(checkpointSubject(ledger.tenant), note),
        now: () => new Date(),
        committedSize: (ledger) => stores.checkpoints.committedSize(ledger),
      },
      {
        onSigned: (ledger, head) => this.metrics.checkpointSize.set({ tenant: ledger.tenant }, head.treeSize),
        onBroken: (ledger, fault) => this.suspect(ledger, fault),
        onRetry: (ledger, error) => this.notSigned(ledger, error),
      },
      config.checkpointIntervalMs,
    );
  }

  private wireVerification(): Verification {
    const { keys, archive, stores, log, config, secrets } = this.parts;
    const { verifier: pool, runner } = stores;
    return new Verification({
      pass: {
        pool,
        // Asked by each pass: the password may have been rotated.
        get databaseUrl() {
          return secrets.readerDatabaseUrl();
        },
        archive,
        signer: keys.signer,
        runner,
        now: () => new Date(),
      },
      progress: new FileProgressStore(join(config.stateDir, 'verified')),
      fullIntervalMs: config.fullVerifyMs,
      tailIntervalMs: config.tailVerifyMs,
      record: (ledger, verdict, toLedger) => this.record(ledger, verdict, toLedger),
      onBroken: (ledger) => this.intake.stopLedger(ledger.tenant),
      onStillBroken: (verdict) => this.tell(integritySubject(verdict.tenant), JSON.stringify(verdict)),
      onIntactAgain: (ledger) => this.goOn(ledger),
      onError: (ledger, error) => log.warn({ err: error, tenant: ledger.tenant }, 'verification did not finish, it is tried again'),
    });
  }

  private wireWaiting(metrics: IntakeMetrics): WaitingRoom {
    const { bus, log } = this.parts;
    return new WaitingRoom({
      bus,
      onMessage: ({ subject, data, ack, nak }) => this.intake.receiveWaiting({ subject, data, redelivered: true, ack, nak }),
      onState: ({ messages, bytes, maxBytes }) => {
        metrics.waitingMessages.set(messages);
        metrics.waitingBytes.set(bytes);
        metrics.waitingBytesMax.set(maxBytes);
      },
      onError: (error) => log.warn({ err: error }, 'messages that wait for keys cannot be looked at, it is tried again'),
    });
  }

  private wireIntake(metrics: IntakeMetrics): IntakeService {
    const { keys, stores, log } = this.parts;
    const { version, key } = keys.contentDigestKey;
    return new IntakeService({
      store: stores.append,
      digester: hmacContentDigester(version, key),
      publish: (subject, data) => this.tell(subject, data),
      now: () => new Date(),
      randomBytes,
      personal: keys.personal,
      sealer: keys.bodies,
      metrics,
      waiting: this.waiting,
      log,
      onOpened: (ledger) => this.adopt(ledger),
      onGrown: (ledger, head) => {
        this.checkpointer.grew(ledger, { origin: ledger.origin, treeSize: head.treeSize, root: head.edge.root() });
        this.verification.grew(ledger);
      },
      onBroken: (ledger, fault) => this.suspect(ledger, fault),
    });
  }

  /** That the key service is away is logged once, not by each ledger twice a second; what it refuses is, now and then. */
  private notSigned({ tenant }: Ledger, error: unknown): void {
    if (isKeysAway(error)) return;
    this.unsigned.warn(error, tenant);
  }

  /** Says it once. What is committed stays true when nobody hears it: who needs it sends again, or reads it. */
  private tell(subject: string, data: string): void {
    const { bus, log } = this.parts;
    try {
      bus.publish(subject, data);
    } catch (error) {
      log.warn({ err: error, subject }, 'not published');
    }
  }

  /** Appends again after a break, and first signs what could not be signed during it. */
  private async goOn(ledger: Ledger): Promise<void> {
    const { stores } = this.parts;
    if (!(await this.intake.isStopped(ledger.tenant))) return;
    stores.tiles.forget(ledger);
    const { treeSize, edge } = await stores.append.loadHead(ledger);
    if (treeSize > 0) this.checkpointer.grew(ledger, { origin: ledger.origin, treeSize, root: edge.root() });
    await this.intake.resume(ledger.tenant);
  }

  private async record(ledger: Ledger, verdict: Verdict, toLedger: boolean): Promise<void> {
    const { log, stores } = this.parts;
    log[verdict.verdict === 'intact' ? 'info' : 'error']({ verdict }, `ledger is ${verdict.verdict}`);
    await stores.verdicts.add(ledger, verdict, toLedger);
    this.tell(integritySubject(ledger.tenant), JSON.stringify(verdict));
  }

  /** An append or a checkpoint met a broken invariant: nothing more is appended until a full pass has judged. */
  private suspect(ledger: Ledger, fault: ChainFault): void {
    const { log } = this.parts;
    const { tenant } = ledger;
    log.error({ tenant, code: fault.code, detail: fault.detail }, 'invariant broken, appends stopped');
    retryUntilDone(log, `judge ${tenant}`, async () => {
      await this.intake.stopLedger(tenant);
      const verdict = await this.verification.verifyNow(tenant, {});
      if (verdict.verdict === 'intact') await this.goOn(ledger);
    }).catch((error: unknown) => log.error({ err: error, tenant }, 'a broken ledger could not be judged'));
  }
}
