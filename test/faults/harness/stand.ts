import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectProvisioner, StreamKeeper, type BusConnection } from '@countersign/bus';
import { choosePort, guardFolder, removePostgres, startNats, startNatsCluster, startPostgres, TEST_DEPLOYMENT, type NatsServer, type PostgresServer } from '@countersign/devstack';
import { countersignWith } from './cli.js';
import { Disk } from './disk.js';
import { KeyService } from './key-service.js';
import { LEDGER_MAIN, LEDGER_PROVISION } from './places.js';
import { ROOT } from '../../folder-of.js';
import { Producer, type ProducerConfig } from './producer-process.js';
import { ServiceProcess } from './service-process.js';
import { Witness } from './witness.js';
import { startWireTap, type WireTap } from './wire-tap.js';

const DATABASE = 'ledger';
const CLUSTER_DISK_MIB = 2_048;
const ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'];
export const ORIGIN_PREFIX = 'faults.localhost';

/** Whose keys the ledgers of a stand work with, as `LEDGER_KEYS` names them. */
export type LedgerKeys = 'service' | 'sealed-file';

export interface InstanceOptions {
  /** Between the ledger and a server, instead of a direct connection. */
  readonly postgresTap?: WireTap;
  readonly natsTap?: WireTap;
  /** Another bus than the stand's, with TLS. */
  readonly nats?: { readonly url: string; readonly seedFile: string; readonly tlsDir: string };
  /** A state folder of its own instead of the shared one; keys are always shared. */
  readonly ownState?: boolean;
  /** Another database than the stand's, such as one put back from a snapshot. */
  readonly database?: string;
}

/** Real servers with fsync on, the real key service and ledger, real producers: everything under one temporary folder. */
export class Stand {
  readonly producers: Producer[] = [];
  readonly ledgers: ServiceProcess[] = [];
  readonly taps: WireTap[] = [];
  readonly stateDirs = new Set<string>();
  #postgres: PostgresServer;
  #nats: NatsServer;

  private constructor(
    readonly folder: string,
    readonly dismissGuard: () => void,
    postgres: PostgresServer,
    nats: NatsServer,
    readonly witness: Witness,
    /** Of the streams. */
    readonly provisioner: BusConnection,
    private readonly keeper: StreamKeeper,
    /** Undefined when the ledgers' keys lie in sealed files. */
    readonly keys: KeyService | undefined,
    /** Of the servers of a cluster, where they have one of their own. */
    readonly disk: Disk | undefined,
  ) {
    this.#postgres = postgres;
    this.#nats = nats;
  }

  /** On one nats-server, or on a cluster of three. */
  static async open(ledgerKeys: LedgerKeys, bus: 'server' | 'cluster' = 'server'): Promise<Stand> {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-faults-'));
    // PostgreSQL runs as another user when the tests run as root: let it pass through, not look.
    await chmod(folder, 0o711);
    const dismissGuard = guardFolder(folder);
    const disk = bus === 'cluster' ? Disk.at(join(folder, 'nats'), CLUSTER_DISK_MIB) : undefined;
    const [postgres, nats] = await Promise.all([startPostgres({ dir: join(folder, 'postgres'), durable: true }), bus === 'cluster' ? startCluster(folder) : startNats({ dir: join(folder, 'nats') })]);
    // Configuration and seeds are not what a power cut is about.
    disk?.sync();
    const witness = await Witness.open(nats.url, nats.users.services);
    const provisioner = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
    const replicas = bus === 'cluster' ? 3 : 1;
    const keeper = new StreamKeeper({ bus: provisioner, intake: { replicas }, waiting: { replicas } });
    keeper.start();
    const place = { folder, adminUrl: postgres.superuserUrl, natsUrl: nats.url, nats, httpPort: await choosePort() };
    const keys = ledgerKeys === 'service' ? KeyService.provision(place) : undefined;
    const stand = new Stand(folder, dismissGuard, postgres, nats, witness, provisioner, keeper, keys, disk);
    stand.#provision();
    await keys?.process.start();
    keys?.process.keepRunning();
    return stand;
  }

  get postgres(): PostgresServer {
    return this.#postgres;
  }

  get nats(): NatsServer {
    return this.#nats;
  }

  #secret(name: string): string {
    return join(this.folder, 'secrets', name);
  }

  #provision(): void {
    mkdirSync(join(this.folder, 'secrets', 'roles'), { recursive: true });
    for (const role of ROLES) writeFileSync(this.#secret(`roles/${role}`), randomBytes(18).toString('base64url'), { mode: 0o600 });
    writeFileSync(this.#secret('admin-url'), this.#postgres.superuserUrl, { mode: 0o600 });
    const env = { PATH: process.env['PATH'], COUNTERSIGN_DEPLOYMENT: TEST_DEPLOYMENT, LEDGER_ADMIN_DATABASE_URL_FILE: this.#secret('admin-url'), LEDGER_DATABASE_NAME: DATABASE, LEDGER_ROLE_PASSWORDS_DIR: this.#secret('roles') };
    const done = spawnSync(process.execPath, [LEDGER_PROVISION], { env, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`provisioning failed: ${done.stderr}`);
  }

  /** Connection URL of the ledger's database as its superuser. */
  get adminUrl(): string {
    return this.databaseUrl(DATABASE);
  }

  /** The same of any database. */
  databaseUrl(database: string): string {
    return Object.assign(new URL(this.#postgres.superuserUrl), { pathname: `/${database}` }).href;
  }

  #roleUrlFile(role: string, port: number, instance: string, database = DATABASE): string {
    const url = new URL(this.adminUrl);
    url.pathname = `/${database}`;
    url.username = role;
    // The password is in the file that provisioning read.
    url.password = readFileSync(this.#secret(`roles/${role}`), 'utf8');
    url.port = String(port);
    const file = this.#secret(`${instance}-${role}-url`);
    writeFileSync(file, url.href, { mode: 0o600 });
    return file;
  }

  /** URL of the role `ledger_reader`, for tools. */
  get readerUrlFile(): string {
    return this.#roleUrlFile('ledger_reader', this.#postgres.port, 'tools');
  }

  async tapPostgres(): Promise<WireTap> {
    return this.#keep(await startWireTap(() => this.#postgres.port));
  }

  async tapNats(): Promise<WireTap> {
    return this.#keep(await startWireTap(() => this.#nats.port));
  }

  #keep(tap: WireTap): WireTap {
    this.taps.push(tap);
    return tap;
  }

  /** Another instance of the ledger on the same database, stream and keys. Not started yet. */
  async addLedger(name: string, options: InstanceOptions = {}): Promise<ServiceProcess> {
    const databasePort = options.postgresTap?.port ?? this.#postgres.port;
    const stateDir = join(this.folder, options.ownState === true ? `state-${name}` : 'state');
    this.stateDirs.add(stateDir);
    const port = await choosePort();
    const ledger = new ServiceProcess({
      name: `ledger ${name}`,
      program: LEDGER_MAIN,
      folder: this.folder,
      url: `http://127.0.0.1:${port}`,
      logFile: join(this.folder, `ledger-${name}.log`),
      env: {
        LEDGER_DATABASE_URL_FILE: this.#roleUrlFile('ledger_runtime', databasePort, name, options.database),
        LEDGER_READER_DATABASE_URL_FILE: this.#roleUrlFile('ledger_reader', databasePort, name, options.database),
        LEDGER_NATS_URL: options.nats?.url ?? (options.natsTap === undefined ? this.#nats.url : `nats://127.0.0.1:${options.natsTap.port}`),
        LEDGER_NATS_SEED_FILE: options.nats?.seedFile ?? this.#nats.users.ledger,
        ...(options.nats === undefined ? {} : { LEDGER_NATS_TLS_DIR: options.nats.tlsDir }),
        LEDGER_STATE_DIR: stateDir,
        ...(this.keys === undefined ? { LEDGER_KEYS: 'sealed-file' } : { LEDGER_KEYS: 'service', LEDGER_KEYS_PUBLIC_KEY_FILE: this.keys.publicKeyFile }),
        LEDGER_KEYS_DIR: join(this.folder, 'keys'),
        LEDGER_ORIGIN_PREFIX: ORIGIN_PREFIX,
        LEDGER_HTTP_PORT: String(port),
        LEDGER_TAIL_VERIFY_SECONDS: '1',
      },
    });
    this.ledgers.push(ledger);
    return ledger;
  }

  /** A producer with a spool of its own. Not started yet. */
  addProducer(source: string, tenants: readonly string[], load: Partial<Pick<ProducerConfig, 'lanes' | 'pauseMs' | 'textMax'>> = {}): Producer {
    const producer = new Producer({
      natsUrl: this.#nats.url,
      seedFile: this.#nats.users.services,
      spoolDir: join(this.folder, `spool-${source}`),
      outFile: join(this.folder, `promised-${source}`),
      source,
      tenants,
      lanes: 20,
      pauseMs: 20,
      textMax: 300,
      resendAfterMs: 1_000,
      ...load,
    });
    this.producers.push(producer);
    return producer;
  }

  /** Starts PostgreSQL again on its data and its port. */
  async restartPostgres(): Promise<void> {
    this.#postgres = await startPostgres({ dir: join(this.folder, 'postgres'), durable: true, port: this.#postgres.port });
  }

  /** Starts nats-server again on its store and its port; without the store when it is to be lost. */
  async restartNats(options: { readonly loseStore?: boolean } = {}): Promise<void> {
    if (options.loseStore === true) rmSync(this.#nats.storeDir, { recursive: true, force: true });
    this.#nats = await startNats({ dir: join(this.folder, 'nats'), port: this.#nats.port });
  }

  /** Ends everything; deletes the folder unless it is to be looked at. */
  async close(options: { readonly keepFolder: boolean }): Promise<void> {
    await Promise.all(this.producers.map((producer) => producer.kill()));
    await this.#postgres.kill('SIGCONT').catch(() => undefined);
    await Promise.all(this.ledgers.map((ledger) => ledger.stop()));
    await this.keys?.close();
    await this.keys?.process.stop();
    await this.witness.close();
    await this.keeper.stop();
    await this.provisioner.close();
    for (const tap of this.taps) await tap.close();
    await this.#nats.stop();
    await this.#postgres.stop();
    this.disk?.close();
    if (!options.keepFolder) {
      await removePostgres(join(this.folder, 'postgres'));
      await rm(this.folder, { recursive: true, force: true });
    }
    this.dismissGuard();
  }
}

/** Its servers know each other by certificates that a deployment has. */
async function startCluster(folder: string): Promise<NatsServer> {
  const secrets = join(folder, 'cluster-secrets');
  const { code, err } = await countersignWith(folder, {}, 'deployment', 'prepare', '--out', secrets, '--bus-config', join(ROOT, 'deploy/nats/three-nodes.conf'), '--keep-owner');
  if (code !== 0) throw new Error(`the certificates of the cluster were not made: ${err}`);
  return startNatsCluster({ dir: join(folder, 'nats'), routesTlsDir: join(secrets, 'tls', 'nats') });
}
