import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatNkey, formatNkeySeed, nkeyPrivateKey } from '@countersign/envelope';
import { writeFileDurably } from '@countersign/runtime';
import { BACKUP_ROLE } from '../backup/role.js';
import { CliError, EXIT } from '../exit-code.js';
import { Authority, type Usage } from './authority.js';

const PASSWORD_BYTES = 24;
const SEED_BYTES = 32;
const STORE_KEY_BYTES = 32;
const OWNER_MODE = 0o400;
const KEEPER_MODE = 0o600;
/** Uid and gid of the containers of the services, of NATS and of Redis. */
const SERVICE_UID = 10_001;
/** Of PostgreSQL in its official image. */
const POSTGRES_UID = 999;
const GRAFANA_UID = 472;

const ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser', 'keys_owner', 'keys_runtime', 'keys_reader', 'identity_owner', 'identity_runtime', 'identity_reader', 'retention_owner', 'retention_runtime', 'retention_reader', BACKUP_ROLE] as const;
/** File, role and database of each connection. */
const CONNECTIONS = [
  ['ledger-owner-database-url', 'ledger_owner', 'ledger'],
  ['keys-owner-database-url', 'keys_owner', 'keys'],
  ['keys-subjects-owner-database-url', 'keys_owner', 'keys_subjects'],
  ['identity-owner-database-url', 'identity_owner', 'identity'],
  ['retention-owner-database-url', 'retention_owner', 'retention'],
  ['ledger-database-url', 'ledger_runtime', 'ledger'],
  ['ledger-reader-database-url', 'ledger_reader', 'ledger'],
  ['ledger-eraser-database-url', 'ledger_eraser', 'ledger'],
  ['keys-database-url', 'keys_runtime', 'keys'],
  ['keys-subjects-database-url', 'keys_runtime', 'keys_subjects'],
  ['identity-database-url', 'identity_runtime', 'identity'],
  ['retention-database-url', 'retention_runtime', 'retention'],
  ['backup-database-url', BACKUP_ROLE, 'postgres'],
] as const;
/** Who asks the key service. */
const KEY_USERS = ['ledger', 'identity', 'retention', 'edge', 'operator'] as const;
const NKEY_VARIABLE = /\$COUNTERSIGN_NKEY_([A-Z0-9_]+)/g;

/** Where servers are that are not this deployment's own. */
export interface Servers {
  /** `host:port`. */
  readonly postgres: string;
  /** Parameters of connection URLs, such as `sslmode=verify-full`. */
  readonly postgresOptions: string;
  /** `rediss://host:port`, or without TLS `redis://host:port`. */
  readonly redis: string;
  /** Names of the bus that its certificate has beside its own. */
  readonly natsHosts: readonly string[];
}
/** As Compose names them; certificates of this deployment's authority say that they are it. */
export const OWN_SERVERS: Servers = { postgres: 'postgres:5432', postgresOptions: 'sslmode=verify-full&sslrootcert=/run/secrets/ca.crt', redis: 'rediss://redis:6379', natsHosts: [] };

export interface PrepareOptions {
  /** Folder of the secrets. What is there is kept. */
  readonly out: string;
  /** Text of the configuration of nats-server, with `$COUNTERSIGN_NKEY_<USER>` where public keys belong. */
  readonly busConfig: string;
  /** Names and addresses at which the edge is reached. */
  readonly hosts: readonly string[];
  /** Default: those of Compose. */
  readonly servers?: Servers;
  readonly nowMs: number;
  /** Whether files are given to the users of the containers that read them; needs root. */
  readonly isOwned: boolean;
}

/**
 * Makes what a deployment keeps secret, one file each, readable by the one user whose container it is mounted into: passwords, connection
 * URLs, nkeys, certificates, and the configurations of servers that hold such. Repeating it keeps what is there, adds what is missing, and
 * renews all certificates when one ends within 30 days.
 */
export async function prepareDeployment(options: PrepareOptions): Promise<void> {
  mkdirSync(options.out, { recursive: true, mode: 0o711 });
  const folder = new SecretFolder(options.out, options.isOwned);
  const servers = options.servers ?? OWN_SERVERS;
  await databaseSecrets(folder, servers);
  const publicKeys = await busSecrets(folder, options.busConfig);
  const known = Object.fromEntries(KEY_USERS.map((name) => [name, { publicKey: publicKeys.get(name) }]));
  await folder.write('keys-services.json', `${JSON.stringify(known, null, 2)}\n`);
  await folder.write('keys-public-key', `${publicKeys.get('keys')}\n`);
  const redisPassword = await folder.keep('redis-password', password);
  await folder.write('redis.conf', redisConfig(redisPassword));
  await folder.write('redis-url', servers.redis.replace('://', `://default:${redisPassword}@`));
  await folder.keep('keys-root-passphrase', password);
  await folder.keep('grafana-admin-password', password, GRAFANA_UID);
  await certificates(folder, options, [...publicKeys.keys()]);
}

async function databaseSecrets(folder: SecretFolder, servers: Servers): Promise<void> {
  const urlOf = (role: string, secret: string, database: string): string => `postgres://${role}:${secret}@${servers.postgres}/${database}?${servers.postgresOptions}`;
  const admin = await folder.keep('postgres-password', password, POSTGRES_UID);
  await folder.write('database-admin-url', urlOf('postgres', admin, 'postgres'));
  const passwords = new Map<string, string>();
  for (const role of ROLES) passwords.set(role, await folder.keep(`role-${role}`, password));
  for (const [file, role, database] of CONNECTIONS) await folder.write(file, urlOf(role, passwords.get(role)!, database));
}

/** An nkey for each user that the configuration names, and the configuration with their public keys. Returns those by user. */
async function busSecrets(folder: SecretFolder, config: string): Promise<Map<string, string>> {
  const publicKeys = new Map<string, string>();
  const lines: string[] = [];
  for (const name of new Set([...config.matchAll(NKEY_VARIABLE)].map(([, found]) => found!))) {
    const user = name.toLowerCase();
    const seed = await folder.keep(`nats-${user}.nk`, () => formatNkeySeed(randomBytes(SEED_BYTES)));
    const publicKey = formatNkey(nkeyPrivateKey(seed));
    publicKeys.set(user, publicKey);
    lines.push(`COUNTERSIGN_NKEY_${name}: ${publicKey}`);
  }
  const missing = ['keys', ...KEY_USERS].filter((user) => !publicKeys.has(user));
  if (missing.length > 0) throw new CliError(EXIT.usage, 'BUS_USERS_MISSING', `the configuration of the bus knows no user ${missing.join(', ')}`);
  // nats-server reads what begins with a digit as a number.
  const storeKey = await folder.keep('nats-store-key', () => `k${randomBytes(STORE_KEY_BYTES).toString('hex')}`);
  await folder.write('nats.conf', `${[...lines, `COUNTERSIGN_NATS_STORE_KEY: ${storeKey}`].join('\n')}\n\n${config}`);
  return publicKeys;
}

async function certificates(folder: SecretFolder, { hosts, nowMs, out, servers }: PrepareOptions, busUsers: readonly string[]): Promise<void> {
  const authority = await Authority.open(out, nowMs);
  const certFile = (name: string): string => join('tls', name, 'tls.crt');
  const wanted: readonly (readonly [name: string, hosts: readonly string[], uid: number, usages: readonly Usage[]])[] = [
    ['edge', hosts, SERVICE_UID, ['serverAuth']],
    // Servers of a cluster are each other's clients.
    ['nats', ['nats', 'localhost', '127.0.0.1', ...(servers?.natsHosts ?? [])], SERVICE_UID, ['serverAuth', 'clientAuth']],
    ['postgres', ['postgres'], POSTGRES_UID, ['serverAuth']],
    ['redis', ['redis'], SERVICE_UID, ['serverAuth']],
    ...busUsers.map((user) => [`nats-${user}`, [], SERVICE_UID, ['clientAuth']] as const),
  ];
  // All at once: those that clients show to the bus have an alert, and by them it is known of the others.
  const areDue = wanted.some(([name]) => authority.endsSoon(join(out, certFile(name))));
  for (const [name, names, uid, usages] of wanted) {
    if (!areDue && authority.isGood(join(out, certFile(name)), names) && folder.has(join('tls', name, 'tls.key'))) continue;
    const issued = await authority.issue(name, names, usages);
    await folder.write(join('tls', name, 'ca.crt'), authority.certificate, uid);
    await folder.write(join('tls', name, 'tls.key'), issued.key, uid);
    await folder.write(certFile(name), issued.certificate, uid);
  }
}

const password = (): string => randomBytes(PASSWORD_BYTES).toString('base64url');

/** Limits and keys of requests: what is lost with Redis is counted anew. Its dangerous commands have no user. */
const redisConfig = (secret: string): string => `protected-mode yes
port 0
tls-port 6379
tls-cert-file /etc/countersign/redis/tls.crt
tls-key-file /etc/countersign/redis/tls.key
tls-auth-clients no
tls-protocols "TLSv1.3"
dir /tmp
save ""
appendonly no
maxmemory 192mb
maxmemory-policy noeviction
user default on >${secret} ~* &* +@all -@admin -@dangerous +info
`;

class SecretFolder {
  constructor(private readonly dir: string, private readonly isOwned: boolean) {}

  has(name: string): boolean {
    return existsSync(join(this.dir, name));
  }

  /** What the file says; made the first time. */
  async keep(name: string, make: () => string, uid: number = SERVICE_UID): Promise<string> {
    if (!this.has(name)) await this.write(name, make(), uid);
    // A run that ended between the two steps of writing has left it to root.
    else this.own(name, uid);
    return readFileSync(join(this.dir, name), 'utf8').trim();
  }

  /** The file is whole and its reader's, or it is not there. */
  async write(name: string, text: string, uid: number = SERVICE_UID): Promise<void> {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    await writeFileDurably(path, text, this.isOwned ? OWNER_MODE : KEEPER_MODE);
    this.own(name, uid);
  }

  private own(name: string, uid: number): void {
    if (this.isOwned) chownSync(join(this.dir, name), uid, uid);
  }
}
