import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Devstack } from './devstack.js';
import { choosePort } from './free-port.js';
import { localCertificate, type LocalCertificate } from './local-certificate.js';
import { PlatformProcess } from './platform-process.js';
import { writePrivate } from './state-files.js';

const PASSWORD_BYTES = 18;
const LOOPBACK = '127.0.0.1';
const ROLES = {
  keys: ['keys_owner', 'keys_runtime', 'keys_reader'],
  identity: ['identity_owner', 'identity_runtime', 'identity_reader'],
  retention: ['retention_owner', 'retention_runtime', 'retention_reader'],
  ledger: ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'],
} as const;
type Stored = keyof typeof ROLES;

export interface PlatformOptions {
  /** PostgreSQL runs without fsync. */
  readonly isFast: boolean;
  /** Changes to the variables of a service. */
  readonly env?: Readonly<Partial<Record<Stored, Readonly<Record<string, string>>>>>;
}

export interface Edge {
  readonly process: PlatformProcess;
  /** What browsers see. */
  readonly origin: string;
}

/** Key service, identity, retention and ledger as they ship, on one stack, and edges in front of them. For tests and measurements. */
export class Platform {
  readonly #edges: Edge[] = [];

  private constructor(
    readonly stack: Devstack,
    readonly keys: PlatformProcess,
    readonly identity: PlatformProcess,
    readonly retention: PlatformProcess,
    readonly ledger: PlatformProcess,
    readonly certificate: LocalCertificate,
  ) {}

  /** Throws DevstackError START_FAILED. */
  static async open(stack: Devstack, options: PlatformOptions): Promise<Platform> {
    const made = (service: Stored) => makeService(stack, service, options);
    const [keys, identity, retention, ledger, certificate] = await Promise.all([made('keys'), made('identity'), made('retention'), made('ledger'), localCertificate(join(stack.stateDir, 'tls'))]);
    const platform = new Platform(stack, keys, identity, retention, ledger, certificate);
    // The key service first: the others ask it while they start.
    await keys.start();
    await Promise.all([identity.start(), retention.start(), ledger.start()]);
    return platform;
  }

  /** What browsers must be given to trust it. */
  get ca(): string {
    return readFileSync(this.certificate.certFile, 'utf8');
  }

  /** Variables of an edge on a free port. Proxies on this machine are believed, so that browsers may come from anywhere. */
  async edgeEnv(changes: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
    const port = await choosePort();
    return {
      EDGE_NATS_URL: this.stack.nats.url,
      EDGE_NATS_SEED_FILE: this.stack.nats.users.edge,
      EDGE_LEDGER_URL: this.ledger.url,
      EDGE_PUBLIC_ORIGIN: `https://localhost:${String(port)}`,
      EDGE_TLS_CERT_FILE: this.certificate.certFile,
      EDGE_TLS_KEY_FILE: this.certificate.keyFile,
      EDGE_HTTPS_PORT: String(port),
      EDGE_OPERATIONS_PORT: String(await choosePort()),
      EDGE_TRUSTED_PROXIES: `${LOOPBACK},::1`,
      ...changes,
    };
  }

  /** Starts one more edge, a process of its own. */
  async addEdge(changes: Readonly<Record<string, string>> = {}): Promise<Edge> {
    const env = await this.edgeEnv(changes);
    const { stateDir } = this.stack;
    const url = `http://${LOOPBACK}:${env['EDGE_OPERATIONS_PORT']!}`;
    const process = new PlatformProcess({ service: 'edge', dir: stateDir, env, url, logFile: join(stateDir, `edge-${String(this.#edges.length)}.log`) });
    const edge = { process, origin: env['EDGE_PUBLIC_ORIGIN']! };
    this.#edges.push(edge);
    await process.start();
    return edge;
  }

  /** Ends the services, edges first; the stack goes on. */
  async stop(): Promise<void> {
    await Promise.all(this.#edges.map((edge) => edge.process.stop()));
    await Promise.all([this.identity.stop(), this.retention.stop(), this.ledger.stop()]);
    await this.keys.stop();
  }
}

async function makeService(stack: Devstack, service: Stored, options: PlatformOptions): Promise<PlatformProcess> {
  const dir = join(stack.stateDir, `${service}-service`);
  const passwordsDir = join(dir, 'passwords');
  await mkdir(passwordsDir, { recursive: true, mode: 0o700 });
  const file = async (name: string, text: string): Promise<string> => {
    await writePrivate(join(dir, name), text);
    return join(dir, name);
  };
  const passwords = new Map(ROLES[service].map((role) => [role as string, randomBytes(PASSWORD_BYTES).toString('base64url')]));
  for (const [role, password] of passwords) await file(join('passwords', role), password);
  const upper = service.toUpperCase();
  const logFile = join(dir, 'log');
  await PlatformProcess.provision(service, dir, { [`${upper}_ADMIN_DATABASE_URL_FILE`]: await file('admin-url', stack.postgres.superuserUrl), [`${upper}_ROLE_PASSWORDS_DIR`]: passwordsDir }, logFile);
  const urlFile = (database: string, role: string): Promise<string> =>
    file(`${database}-${role}-url`, Object.assign(new URL(stack.databaseUrl(database)), { username: role, password: passwords.get(role) ?? '' }).href);
  const port = String(await choosePort());
  const shared = {
    [`${upper}_NATS_URL`]: stack.nats.url,
    [`${upper}_NATS_SEED_FILE`]: stack.nats.users[service],
    [`${upper}_HTTP_HOST`]: LOOPBACK,
    [`${upper}_HTTP_PORT`]: port,
    ...(options.isFast ? { [`${upper}_ALLOW_FSYNC_OFF`]: 'true' } : {}),
  };
  const publicKeyFile = await file('keys-public-key', `${stack.nats.publicKeys.keys}\n`);
  const own: Readonly<Record<Stored, () => Promise<Record<string, string>>>> = {
    keys: async () => ({
      KEYS_DATABASE_URL_FILE: await urlFile('keys', 'keys_runtime'),
      KEYS_SUBJECTS_DATABASE_URL_FILE: await urlFile('keys_subjects', 'keys_runtime'),
      KEYS_SERVICES_FILE: await file('services.json', JSON.stringify(Object.fromEntries((['ledger', 'identity', 'retention'] as const).map((name) => [name, { publicKey: stack.nats.publicKeys[name] }])))),
      KEYS_EPOCH_DIR: join(dir, 'epochs'),
      KEYS_ROOT_DIR: join(dir, 'root'),
      KEYS_RECEIPT_NAME: 'keys.localhost/receipts',
    }),
    identity: async () => ({
      IDENTITY_DATABASE_URL_FILE: await urlFile('identity', 'identity_runtime'),
      IDENTITY_KEYS_PUBLIC_KEY_FILE: publicKeyFile,
      IDENTITY_REGISTRATION: 'open',
      IDENTITY_LEAKED_PASSWORDS: 'off',
    }),
    retention: async () => ({
      RETENTION_STATE_DIR: join(dir, 'state'),
      RETENTION_DATABASE_URL_FILE: await urlFile('retention', 'retention_runtime'),
      RETENTION_KEYS_PUBLIC_KEY_FILE: publicKeyFile,
    }),
    ledger: async () => ({
      LEDGER_DATABASE_URL_FILE: await urlFile('ledger', 'ledger_runtime'),
      LEDGER_READER_DATABASE_URL_FILE: await urlFile('ledger', 'ledger_reader'),
      LEDGER_ERASER_DATABASE_URL_FILE: await urlFile('ledger', 'ledger_eraser'),
      LEDGER_STATE_DIR: join(dir, 'state'),
      LEDGER_KEYS_PUBLIC_KEY_FILE: publicKeyFile,
      LEDGER_ORIGIN_PREFIX: 'countersign.localhost',
    }),
  };
  return new PlatformProcess({ service, dir, env: { ...shared, ...(await own[service]()), ...options.env?.[service] }, url: `http://${LOOPBACK}:${port}`, logFile });
}
