import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ChainFault } from '@countersign/chain';
import { checkpointSubject, integritySubject, intakeSubject, type Verdict } from '@countersign/contracts';
import { connectBus, publishIntake, PullLoop } from '@countersign/bus';
import { assertDurable, createPool } from '@countersign/postgres';
import { createLogger, createRegistry, type Logger, type ShutdownStep } from '@countersign/runtime';
import { hmacContentDigester } from './append/content-digest.js';
import type { Ledger } from './append/head.js';
import { intakeMetrics } from './append/intake-metrics.js';
import { IntakeService } from './append/intake-service.js';
import { FileArchive } from './checkpoint/archive.js';
import { Checkpointer } from './checkpoint/checkpointer.js';
import type { LedgerConfig } from './config.js';
import { createHttpApp } from './http/create-http-app.js';
import { LocalSigner } from './keys/local-signer.js';
import { Prover } from './prove/prover.js';
import { SignedHeads } from './prove/signed-head.js';
import { Indexer } from './search/indexer.js';
import { registerReadMetrics } from './search/read-metrics.js';
import { Searcher } from './search/searcher.js';
import { serviceMetrics } from './service-metrics.js';
import { PgAppendStore } from './store/pg-append-store.js';
import { PgCheckpointStore } from './store/pg-checkpoint-store.js';
import { PgIndexStore } from './store/pg-index-store.js';
import { PgProducers } from './store/pg-producers.js';
import { PgReadStore } from './store/pg-read-store.js';
import { PgTileRows } from './store/pg-tile-rows.js';
import { TileCache } from './store/tile-cache.js';
import { FileProgressStore } from './verify/progress-store.js';
import { threadRunner } from './verify/runner.js';
import { LEDGER_SOURCE, SYSTEM_TENANT, verdictEvent } from './verify/verdict-event.js';
import { VerdictStore } from './verify/verdict-store.js';
import { Verification } from './verify/verification.js';
import { BUSY_BACKLOG_EVENTS, every, retryUntilDone } from './service-loops.js';

export interface RunningLedger {
  /** Where it listens. */
  readonly url: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

/** Wires the ledger's flows together and starts them. Rejects when something that it needs is missing. */
export async function startLedger(config: LedgerConfig): Promise<RunningLedger> {
  const log = createLogger({ service: 'ledger', level: config.logLevel });
  const registry = createRegistry({ service: 'ledger' });
  const stores = await openStores(config, log);
  const signer = await LocalSigner.open({
    path: join(config.keysDir, 'signing-keys.sealed'),
    keyPath: join(config.keysDir, 'sealing.key'),
    passphrase: config.keysPassphrase,
  });
  const archive = new FileArchive(join(config.stateDir, 'checkpoints'));
  const bus = await connectBus({ url: config.natsUrl, nkeySeedFile: config.natsSeedFile, name: 'ledger', onStatus: (status) => log.info({ status }, 'bus') });
  const metrics = serviceMetrics(registry, { status: () => verification.status(), backlog: () => intake.backlogEvents });

  const checkpointer = new Checkpointer(
    {
      signer,
      archive,
      hashSource: (ledger) => stores.tiles.sourceOf(ledger),
      store: (ledger, head, note, signedAt) => stores.checkpoints.add(ledger, head, note, signedAt),
      publish: (ledger, note) => bus.publish(checkpointSubject(ledger.tenant), note),
      now: () => new Date(),
    },
    {
      onSigned: (ledger, head) => metrics.checkpointSize.set({ tenant: ledger.tenant }, head.treeSize),
      onBroken: (ledger, fault) => suspect(ledger, fault),
      onRetry: (ledger, error) => log.warn({ err: error, tenant: ledger.tenant }, 'checkpoint not signed, it is tried again'),
    },
    config.checkpointIntervalMs,
  );

  const verification = new Verification({
    pass: { pool: stores.reader, databaseUrl: config.readerDatabaseUrl, archive, signer, runner: stores.runner, now: () => new Date() },
    progress: new FileProgressStore(join(config.stateDir, 'verified')),
    fullIntervalMs: config.fullVerifyMs,
    tailIntervalMs: config.tailVerifyMs,
    record: async (ledger, verdict, toLedger) => {
      log[verdict.verdict === 'intact' ? 'info' : 'error']({ verdict }, `ledger is ${verdict.verdict}`);
      await stores.verdicts.add(ledger, verdict, toLedger);
      bus.publish(integritySubject(ledger.tenant), JSON.stringify(verdict));
    },
    onBroken: (ledger) => intake.stopLedger(ledger.tenant),
    onIntactAgain: (ledger) => intake.resume(ledger.tenant),
    onError: (ledger, error) => log.warn({ err: error, tenant: ledger.tenant }, 'verification did not finish, it is tried again'),
  });

  const { version, key } = signer.contentDigestKey;
  const intake: IntakeService = new IntakeService({
    store: stores.append,
    digester: hmacContentDigester(version, key),
    publish: (subject, data) => bus.publish(subject, data),
    now: () => new Date(),
    randomBytes,
    metrics: intakeMetrics(registry),
    log,
    onOpened: (ledger) => adopt(ledger),
    onGrown: (ledger, head) => {
      checkpointer.grew(ledger, { origin: ledger.origin, treeSize: head.treeSize, root: head.edge.root() });
      verification.grew(ledger);
    },
    onBroken: (ledger, fault) => suspect(ledger, fault),
  });

  /** Makes a ledger known to readers and to verification before anything is appended to it. */
  async function adopt(ledger: Ledger): Promise<{ stopped: boolean }> {
    await signer.vkeys(ledger.origin);
    const { broken } = await verification.watch(ledger);
    return { stopped: broken };
  }

  /** An append or a checkpoint met a broken invariant: nothing more is appended until a full pass has judged. */
  function suspect(ledger: Ledger, fault: ChainFault): void {
    log.error({ tenant: ledger.tenant, code: fault.code, detail: fault.detail }, 'invariant broken, appends stopped');
    void retryUntilDone(log, `judge ${ledger.tenant}`, async () => {
      await intake.stopLedger(ledger.tenant);
      const verdict = await verification.verifyNow(ledger.tenant, {});
      if (verdict.verdict === 'intact') await intake.resume(ledger.tenant);
    });
  }

  const system = await intake.openLedger(SYSTEM_TENANT);
  for (const { ledger, head } of await stores.checkpoints.heads()) {
    await adopt(ledger);
    // A crash may have come between a commit and its checkpoint; growth is what decides, so this repeats nothing.
    if (head.treeSize > 0) checkpointer.grew(ledger, head);
  }
  const readMetrics = registerReadMetrics(registry, stores.producers, (error) => log.warn({ err: error }, 'metrics not refreshed'));
  const indexer = new Indexer({
    store: stores.index,
    producers: stores.producers,
    isBusy: () => intake.backlogEvents > BUSY_BACKLOG_EVENTS,
    onIndexed: readMetrics.indexed,
    onError: (error) => log.warn({ err: error }, 'indexing failed, it is tried again'),
  });
  const heads = new SignedHeads({ latestCheckpoint: (ledger) => stores.read.latestCheckpoint(ledger), signer });
  const pull = new PullLoop({
    bus,
    onMessage: (message) => intake.receive(message),
    stream: { maxBytes: config.intakeMaxBytes, replicas: config.natsReplicas },
    onEvent: (event) => log.info({ event }, 'intake'),
  });
  const app = await createHttpApp({
    store: stores.read,
    tiles: stores.tiles,
    prover: new Prover({ entryByEventId: (ledger, id) => stores.read.entryByEventId(ledger, id), heads, tiles: stores.tiles }),
    searcher: new Searcher(stores.reader, stores.read),
    producers: stores.producers,
    verification: {
      latest: async (tenant) => verification.latest(tenant) ?? (await storedVerdicts(stores.read, tenant, 1))[0],
      history: (tenant, limit) => storedVerdicts(stores.read, tenant, limit),
      verifyRange: (tenant, range) => verification.verifyNow(tenant, range),
    },
    signer,
    metrics: registry,
    readiness: () => readiness(stores, bus.connected),
    log,
  });

  await pull.start();
  indexer.start();
  verification.start();
  const outbox = every(2_000, async () => {
    for (const row of await stores.verdicts.unrecorded(system, 100)) {
      await publishIntake(bus, intakeSubject(LEDGER_SOURCE, SYSTEM_TENANT), Buffer.from(JSON.stringify(verdictEvent(row))), { timeoutMs: 5_000 });
    }
  }, (error) => log.warn({ err: error }, 'verdicts not sent to the system ledger, they are sent again'));
  await app.listen(config.httpPort, config.httpHost);
  const url = await app.getUrl();
  log.info({ url }, 'ledger is ready');
  return {
    url,
    log,
    shutdown: [
      { name: 'stop pulling', run: () => pull.stop() },
      { name: 'finish appends', run: () => intake.stop() },
      { name: 'sign last checkpoints', run: () => checkpointer.stop() },
      { name: 'stop loops', run: () => Promise.all([outbox.stop(), indexer.stop(), verification.stop()]) },
      { name: 'close http', run: () => app.close() },
      { name: 'close bus', run: () => bus.close() },
      { name: 'close stores', run: () => stores.close() },
    ],
  };
}

async function openStores(config: LedgerConfig, log: Logger) {
  const onIdleError = (error: Error): void => log.warn({ err: error }, 'idle database connection lost');
  const runtime = createPool({ url: config.databaseUrl, max: 8, applicationName: 'ledger', onIdleError });
  const reader = createPool({ url: config.readerDatabaseUrl, max: 8, applicationName: 'ledger-reader', onIdleError });
  // A receipt promises durability; a server that does not keep the promise is refused.
  await assertDurable(runtime, { allowFsyncOff: config.allowFsyncOff });
  const runner = threadRunner(config.verifyThreads);
  return {
    reader,
    runner,
    append: new PgAppendStore({ pool: runtime, originOf: (tenant) => `${config.originPrefix}/${tenant}` }),
    checkpoints: new PgCheckpointStore(runtime),
    verdicts: new VerdictStore(runtime),
    index: new PgIndexStore(runtime),
    producers: new PgProducers(reader, runtime),
    read: new PgReadStore(reader),
    tiles: new TileCache(new PgTileRows(reader)),
    close: async () => {
      await runner.close();
      await Promise.all([runtime.end(), reader.end()]);
    },
  };
}

type Stores = Awaited<ReturnType<typeof openStores>>;

async function storedVerdicts(read: PgReadStore, tenant: string, limit: number): Promise<readonly Verdict[]> {
  const ledger = await read.ledger(tenant);
  return ledger === undefined ? [] : read.verdicts(ledger, limit);
}

async function readiness(stores: Stores, connected: boolean) {
  const database = await stores.reader.query('SELECT 1').then(
    () => 'ok',
    () => 'unreachable',
  );
  const checks = { database, bus: connected ? 'ok' : 'disconnected' };
  return { ready: database === 'ok' && connected, checks };
}
