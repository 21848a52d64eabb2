import { publishIntake, PullLoop } from '@countersign/bus';
import { intakeSubject, type Verdict } from '@countersign/contracts';
import type { Readiness } from '@countersign/operations-http';
import { startRotation, type Rotation } from '@countersign/rotation';
import type { Logger, ShutdownStep } from '@countersign/runtime';
import { sealClearBodies } from './append/clear-bodies.js';
import type { Ledger } from './append/head.js';
import { PacedWarnings } from './append/reminders.js';
import type { LedgerConfig } from './config.js';
import { openHolder } from './destroy/open-holder.js';
import { openPersons } from './search/person-entries.js';
import { createHttpApp } from './http/create-http-app.js';
import { KEPT_COLUMNS } from './keys/kept-columns.js';
import { isKeysAway } from './keys/keys-away.js';
import { Prover } from './prove/prover.js';
import { SignedHeads } from './prove/signed-head.js';
import { Indexer } from './search/indexer.js';
import { CLOSED } from './search/open-parts.js';
import { registerReadMetrics } from './search/read-metrics.js';
import { Searcher } from './search/searcher.js';
import { ServiceFlows } from './service-flows.js';
import { BUSY_BACKLOG_BYTES, every } from './service-loops.js';
import { openParts, type ServiceParts } from './service-parts.js';
import { LEDGER_SOURCE, SYSTEM_TENANT, verdictEvent } from './verify/verdict-event.js';

/** Bodies are large: re-encrypting them must not take the disk from appends. */
const ROTATED_ROWS_PER_SECOND_MAX = 200;
const VERDICT_SEND_PAUSE_MS = 2_000;
const CLEAR_BODIES_PAUSE_MS = 5_000;
const VERDICTS_A_ROUND_MAX = 100;
/** Taken from the bus and not yet committed, at most: some batches' worth. */
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
const PUBLISH_TIMEOUT_MS = 5_000;

export interface RunningLedger {
  /** Where it listens. */
  readonly url: string;
  readonly log: Logger;
  /** What a graceful shutdown does, in order. */
  readonly shutdown: readonly ShutdownStep[];
}

/** Wires the ledger's flows together and starts them. Rejects when something that it needs is missing. */
export async function startLedger(config: LedgerConfig): Promise<RunningLedger> {
  const parts = await openParts(config);
  const { log, bus, stores } = parts;
  const flows = new ServiceFlows(parts);
  const { intake, checkpointer, verification } = flows;
  await adoptAll(parts, flows);
  const system = await intake.openLedger(SYSTEM_TENANT);
  const prover = openProver(parts);
  const app = await openHttp(parts, flows, prover);
  const indexer = openIndexer(parts, flows);
  const pull = new PullLoop({
    bus,
    onMessage: (message) => intake.receive(message),
    maxInFlightBytes: IN_FLIGHT_BYTES_MAX,
    onEvent: (event) => log.info({ event }, 'intake'),
  });
  flows.waiting.start();
  await pull.start();
  indexer.start();
  verification.start();
  const verdictSender = sendVerdicts(parts, system);
  const bodySealer = sealLeftBodies(parts);
  const rotation = rotateKept(parts);
  const holder = await openHolder(parts, () => intake.backlogBytes > BUSY_BACKLOG_BYTES);
  const persons = openPersons(parts, prover);
  await persons.start();
  await app.listen(config.httpPort, config.httpHost);
  const url = await app.getUrl();
  log.info({ url }, 'ledger is ready');
  const shutdown = [
    { name: 'wait for keys once', run: () => parts.keys.service?.endSoon() },
    { name: 'stop answering retention', run: () => Promise.all([holder?.stop(), persons.stop()]) },
    { name: 'stop pulling', run: () => Promise.all([pull.stop(), flows.waiting.stop()]) },
    { name: 'finish appends', run: () => intake.stop() },
    { name: 'sign last checkpoints', run: () => checkpointer.stop() },
    { name: 'stop loops', run: () => Promise.all([verdictSender.stop(), bodySealer.stop(), rotation?.stop(), indexer.stop(), verification.stop()]) },
    { name: 'close http', run: () => app.close() },
    { name: 'close bus', run: () => parts.keys.close().finally(() => bus.close()) },
    { name: 'close stores', run: () => stores.close().finally(() => parts.secrets.all.close()) },
  ];
  return { url, log, shutdown };
}

/** Watches every ledger there is, and signs what a crash left between a commit and its checkpoint. */
async function adoptAll({ stores, archive }: ServiceParts, flows: ServiceFlows): Promise<void> {
  const gone = new Set(await archive.tenants());
  for (const { ledger, head } of await stores.checkpoints.heads()) {
    gone.delete(ledger.tenant);
    await flows.adopt(ledger);
    // Whether the tree has grown is decided where it is signed: this repeats nothing.
    if (head.treeSize > 0) flows.checkpointer.grew(ledger, head);
  }
  // A ledger that was signed and is gone from the database is opened like any other, and found broken.
  for (const tenant of gone) await flows.intake.openLedger(tenant);
}

function openProver({ stores, keys: { signer } }: ServiceParts): Prover {
  const heads = new SignedHeads({ latestCheckpoint: (ledger) => stores.read.latestCheckpoint(ledger), signer, nowMs: () => performance.now() });
  return new Prover({ leafByEventId: (ledger, id) => stores.read.leafByEventId(ledger, id), heads, tiles: stores.tiles });
}

async function openHttp(parts: ServiceParts, { verification, intake }: ServiceFlows, prover: Prover) {
  const { stores, registry, log } = parts;
  const { signer, personal: opener = CLOSED } = parts.keys;
  return createHttpApp({
    store: stores.read,
    tiles: stores.tiles,
    prover,
    searcher: new Searcher(stores.reader, stores.read, opener),
    opener,
    producers: stores.producers,
    verification: {
      latest: async (tenant) => verification.latest(tenant) ?? (await storedVerdicts(parts, tenant, 1))[0],
      history: (tenant, limit) => storedVerdicts(parts, tenant, limit),
      verifyRange: async (tenant, range) => {
        // Another instance may have made it.
        await intake.openLedger(tenant);
        return verification.verifyNow(tenant, range);
      },
    },
    signer,
    metrics: registry,
    readiness: () => readiness(parts),
    log,
  });
}

function openIndexer({ stores, registry, log }: ServiceParts, { intake }: ServiceFlows): Indexer {
  const metrics = registerReadMetrics(registry, stores.producers, (error) => log.warn({ err: error }, 'metrics not refreshed'));
  return new Indexer({
    store: stores.index,
    producers: stores.producers,
    isBusy: () => intake.backlogBytes > BUSY_BACKLOG_BYTES,
    onIndexed: metrics.indexed,
    onError: (error) => log.warn({ err: error }, 'indexing failed, it is tried again'),
  });
}

/** Sends verdicts to the system ledger until it holds them: after a crash, the ones before it too. */
function sendVerdicts({ stores, bus, log }: ServiceParts, system: Ledger): { stop(): Promise<void> } {
  const subject = intakeSubject(LEDGER_SOURCE, SYSTEM_TENANT);
  const send = async (): Promise<void> => {
    for (const row of await stores.verdicts.unrecorded(system, VERDICTS_A_ROUND_MAX)) {
      await publishIntake(bus, subject, Buffer.from(JSON.stringify(verdictEvent(row))), { timeoutMs: PUBLISH_TIMEOUT_MS });
    }
  };
  return every(VERDICT_SEND_PAUSE_MS, send, (error) => log.warn({ err: error }, 'verdicts not sent to the system ledger, they are sent again'));
}

/** Seals what a former version left in the clear; from then on it finds nothing. */
function sealLeftBodies({ stores, keys, log }: ServiceParts): { stop(): Promise<void> } {
  const seal = async (): Promise<void> => {
    const sealed = await sealClearBodies(stores.kept, keys.bodies);
    if (sealed > 0) log.info({ sealed }, 'refused and parked messages of a former version are sealed');
  };
  const failures = new PacedWarnings(log, 'bodies in the clear could not be sealed, they are tried again');
  return every(CLEAR_BODIES_PAUSE_MS, seal, (error) => {
    if (!isKeysAway(error)) failures.warn(error);
  });
}

/** Keeps what lies beside the chain under the active versions of its keys. */
function rotateKept({ stores, keys, registry, log }: ServiceParts): Rotation | undefined {
  return keys.service && startRotation({ columns: KEPT_COLUMNS, pool: stores.rotation, keys: keys.service, registry, log, rowsPerSecondMax: ROTATED_ROWS_PER_SECOND_MAX });
}

async function storedVerdicts({ stores }: ServiceParts, tenant: string, limit: number): Promise<readonly Verdict[]> {
  const ledger = await stores.read.ledger(tenant);
  return ledger === undefined ? [] : stores.read.verdicts(ledger, limit);
}

async function readiness({ stores, bus }: ServiceParts): Promise<Readiness> {
  const database = await stores.reader.query('SELECT 1').then(
    () => 'ok',
    () => 'unreachable',
  );
  return { ready: database === 'ok' && bus.connected, checks: { database, bus: bus.connected ? 'ok' : 'disconnected' } };
}
