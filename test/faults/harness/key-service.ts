import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectBus, type BusConnection } from '@countersign/bus';
import { TEST_DEPLOYMENT, type NatsServer } from '@countersign/devstack';
import { openKeys, type Keys } from '@countersign/key-client';
import { KEYS_MAIN, KEYS_PROVISION } from './places.js';
import { ServiceProcess } from './service-process.js';

const ROLES = ['keys_owner', 'keys_runtime', 'keys_reader'];
const ASK_LIMIT_MS = 20_000;

export interface KeyServicePlace {
  /** Of the whole stand. */
  readonly folder: string;
  readonly adminUrl: string;
  readonly natsUrl: string;
  readonly nats: Pick<NatsServer, 'users' | 'publicKeys'>;
  readonly httpPort: number;
}

/** The key service, the program that ships, and what others need to know of it. */
export class KeyService {
  readonly #open: { readonly keys: Keys; readonly bus: BusConnection }[] = [];

  private constructor(
    private readonly place: KeyServicePlace,
    /** Its folder: root key, epoch keys, secrets. */
    readonly folder: string,
    readonly process: ServiceProcess,
    readonly publicKeyFile: string,
  ) {}

  /** Makes its databases; starts nothing. */
  static provision(place: KeyServicePlace): KeyService {
    const folder = join(place.folder, 'keys-service');
    mkdirSync(join(folder, 'roles'), { recursive: true, mode: 0o700 });
    const secret = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    for (const role of ROLES) secret(`roles/${role}`, randomBytes(18).toString('base64url'));
    const env = { PATH: process.env['PATH'], COUNTERSIGN_DEPLOYMENT: TEST_DEPLOYMENT, KEYS_ADMIN_DATABASE_URL_FILE: secret('admin-url', place.adminUrl), KEYS_ROLE_PASSWORDS_DIR: join(folder, 'roles') };
    const done = spawnSync(process.execPath, [KEYS_PROVISION], { env, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`provisioning of the key service failed: ${done.stderr}`);
    const url = (database: string): string => {
      const made = new URL(place.adminUrl);
      made.username = 'keys_runtime';
      made.password = readFileSync(join(folder, 'roles/keys_runtime'), 'utf8');
      made.pathname = `/${database}`;
      return made.href;
    };
    const { ledger, retention, operator, keys } = place.nats.publicKeys;
    const known = { ledger: { publicKey: ledger }, operator: { publicKey: operator }, retention: { publicKey: retention } };
    const service = new ServiceProcess({
      name: 'keys',
      program: KEYS_MAIN,
      folder: place.folder,
      url: `http://127.0.0.1:${place.httpPort}`,
      logFile: join(place.folder, 'keys.log'),
      env: {
        KEYS_DATABASE_URL_FILE: secret('database-url', url('keys')),
        KEYS_SUBJECTS_DATABASE_URL_FILE: secret('subjects-url', url('keys_subjects')),
        KEYS_NATS_URL: place.natsUrl,
        KEYS_NATS_SEED_FILE: place.nats.users.keys,
        KEYS_SERVICES_FILE: secret('services.json', JSON.stringify(known)),
        KEYS_EPOCH_DIR: join(folder, 'epochs'),
        KEYS_ROOT_DIR: join(folder, 'root'),
        KEYS_RECEIPT_NAME: 'faults.localhost/erasures',
        KEYS_HTTP_PORT: String(place.httpPort),
        // Short, so that the key service is asked all the time.
        KEYS_LEASE_SECONDS: '10',
      },
    });
    return new KeyService(place, folder, service, secret('public-key', `${keys}\n`));
  }

  /** Asks in the name of a service, with nothing cached. Closed with the stand. */
  async as(service: 'ledger' | 'operator'): Promise<Keys> {
    const nkeySeedFile = this.place.nats.users[service];
    const bus = await connectBus({ url: this.place.natsUrl, nkeySeedFile, name: service });
    const keys = openKeys({ bus, service, nkeySeedFile, keysPublicKeyFile: this.publicKeyFile, timeoutMs: ASK_LIMIT_MS });
    this.#open.push({ keys, bus });
    return keys;
  }

  /** Lets go of everything that was opened here; the process goes on. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(async ({ keys, bus }) => {
      await keys.close();
      await bus.close();
    }));
  }
}
