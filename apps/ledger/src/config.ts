import { readFileSync } from 'node:fs';
import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/**
 * The ledger's environment. Secrets come as files (`…_FILE`), as Docker and Kubernetes hand them out; a variable that
 * is missing or bad stops the start with its name.
 */
const schema = z.object({
  /** File with the connection URL of the role `ledger_runtime`. */
  LEDGER_DATABASE_URL_FILE: z.string(),
  /** File with the connection URL of the role `ledger_reader`, which verification and readers use. */
  LEDGER_READER_DATABASE_URL_FILE: z.string(),
  LEDGER_NATS_URL: z.string(),
  /** File with the nkey seed of the ledger's own account. */
  LEDGER_NATS_SEED_FILE: z.string(),
  /** Checkpoint archive and verification progress: storage that the database's operators cannot write. */
  LEDGER_STATE_DIR: z.string(),
  /** Sealed signing keys. Default: `keys/` in the state folder. */
  LEDGER_KEYS_DIR: z.string().optional(),
  LEDGER_KEYS_PASSPHRASE_FILE: z.string().optional(),
  /** The origin of a ledger is this, a slash, and its tenant. */
  LEDGER_ORIGIN_PREFIX: z.string().regex(/^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/, 'must be a schemeless URL prefix'),
  LEDGER_HTTP_HOST: z.string().default('127.0.0.1'),
  LEDGER_HTTP_PORT: port.default(8080),
  LEDGER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LEDGER_FULL_VERIFY_HOURS: z.coerce.number().min(0.001).max(720).default(24),
  LEDGER_TAIL_VERIFY_SECONDS: z.coerce.number().min(1).max(60).default(15),
  LEDGER_VERIFY_THREADS: count(1, 64).default(2),
  LEDGER_CHECKPOINT_INTERVAL_MS: count(50, 1_000).default(500),
  LEDGER_INTAKE_MAX_BYTES: count(1_048_576, Number.MAX_SAFE_INTEGER).default(1_073_741_824),
  LEDGER_NATS_REPLICAS: count(1, 5).default(1),
  /** For tests only: accept a PostgreSQL whose fsync is off. */
  LEDGER_ALLOW_FSYNC_OFF: flag.default(false),
});

type SecretFile = 'LEDGER_DATABASE_URL_FILE' | 'LEDGER_READER_DATABASE_URL_FILE' | 'LEDGER_NATS_SEED_FILE' | 'LEDGER_KEYS_PASSPHRASE_FILE';

/** Throws ConfigError that names variables, never their values. */
export function readConfig(env: Environment) {
  const config = parseConfig(schema, env);
  const secret = (name: SecretFile): string => readSecret(name, config[name]!);
  secret('LEDGER_NATS_SEED_FILE');
  return Object.freeze({
    databaseUrl: secret('LEDGER_DATABASE_URL_FILE'),
    readerDatabaseUrl: secret('LEDGER_READER_DATABASE_URL_FILE'),
    natsUrl: config.LEDGER_NATS_URL,
    natsSeedFile: config.LEDGER_NATS_SEED_FILE,
    natsReplicas: config.LEDGER_NATS_REPLICAS,
    intakeMaxBytes: config.LEDGER_INTAKE_MAX_BYTES,
    stateDir: config.LEDGER_STATE_DIR,
    keysDir: config.LEDGER_KEYS_DIR ?? `${config.LEDGER_STATE_DIR}/keys`,
    keysPassphrase: config.LEDGER_KEYS_PASSPHRASE_FILE === undefined ? undefined : secret('LEDGER_KEYS_PASSPHRASE_FILE'),
    originPrefix: config.LEDGER_ORIGIN_PREFIX,
    httpHost: config.LEDGER_HTTP_HOST,
    httpPort: config.LEDGER_HTTP_PORT,
    logLevel: config.LEDGER_LOG_LEVEL,
    fullVerifyMs: config.LEDGER_FULL_VERIFY_HOURS * 3_600_000,
    tailVerifyMs: config.LEDGER_TAIL_VERIFY_SECONDS * 1_000,
    verifyThreads: config.LEDGER_VERIFY_THREADS,
    checkpointIntervalMs: config.LEDGER_CHECKPOINT_INTERVAL_MS,
    allowFsyncOff: config.LEDGER_ALLOW_FSYNC_OFF,
  });
}

export type LedgerConfig = ReturnType<typeof readConfig>;

function readSecret(name: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new ConfigError([{ name, problem: `names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` }]);
  }
  if (text === '') throw new ConfigError([{ name, problem: 'names an empty file' }]);
  return text;
}
