import { DEPLOYMENT, DEPLOYMENT_FORM } from '@countersign/postgres';
import { parseConfig, type Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '@countersign/secrets';
import { z } from 'zod';
import { readRootKeyConfig } from './root/open-root-key.js';

const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/**
 * The key service's environment, without its secrets and the list of services: those come as files or from a secrets
 * manager (libs/secrets). A variable that is missing or bad stops the start with its name.
 */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  KEYS_NATS_URL: z.string(),
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain. */
  KEYS_NATS_TLS_DIR: z.string().optional(),
  /** Epoch keys and the journal of erasures: outside every snapshot of the databases; shared by all instances. */
  KEYS_EPOCH_DIR: z.string(),
  /** Name of the key that signs destruction receipts (C2SP signed-note). */
  KEYS_RECEIPT_NAME: z.string().regex(/^[a-z0-9][a-z0-9./-]{0,127}$/),
  /** Name of the key that signs certificates of deletion and erasure. Default: that of receipts, and `/certificates`. */
  KEYS_CERTIFICATE_NAME: z.string().regex(/^[a-z0-9][a-z0-9./-]{0,127}$/).optional(),
  KEYS_HTTP_HOST: z.string().default('127.0.0.1'),
  KEYS_HTTP_PORT: count(0, 65_535).default(8081),
  KEYS_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** How long a service may use a key that it was handed: the longest that a revocation takes. */
  KEYS_LEASE_SECONDS: count(1, 3_600).default(300),
  /** Encryptions of one lease of a data key. */
  KEYS_LEASE_USES: count(1, 2 ** 30).default(2 ** 20),
  /** Rotation of a data or tenant key for its age, in days; 0: never. */
  KEYS_ROTATE_DAYS: count(0, 3_650).default(90),
  /** Rotation of a data key after so many encryptions; 0: never. */
  KEYS_ROTATE_USES: count(0, 2 ** 32 - 1).default(2 ** 31),
  /** After this, and the time of the roll, an erasure has reached every backup. */
  KEYS_EPOCH_HOURS: z.coerce.number().min(0.001).max(720).default(24),
  /** Rows that a change of keys wraps anew, at the most. */
  KEYS_REWRAP_ROWS_PER_SECOND: count(1, 1_000_000).default(20_000),
  /** How long after a rotation a count of zero is not believed yet. */
  KEYS_RETIRE_SETTLE_SECONDS: count(0, 86_400).default(180),
  /** So long after a rotation an empty old version of a data key is kept: longer than the oldest backup that may be put back. */
  KEYS_RETIRE_DATA_KEYS_DAYS: count(0, 3_650).default(35),
  /** For tests only: accept a PostgreSQL whose fsync is off. */
  KEYS_ALLOW_FSYNC_OFF: flag.default(false),
});

/** Throws ConfigError that names variables, never their values, and SecretFault SECRET_ENV_FORBIDDEN. */
export function readConfig(env: Environment) {
  const config = parseConfig(schema, env);
  return Object.freeze({
    /** Where its secrets come from; their values are not configuration. */
    secretSources: readSecretSources(env, SERVICE_SECRETS.keys),
    deployment: config.COUNTERSIGN_DEPLOYMENT,
    natsUrl: config.KEYS_NATS_URL,
    natsTlsDir: config.KEYS_NATS_TLS_DIR,
    epochDir: config.KEYS_EPOCH_DIR,
    rootKey: readRootKeyConfig(env),
    receiptName: config.KEYS_RECEIPT_NAME,
    certificateName: config.KEYS_CERTIFICATE_NAME ?? `${config.KEYS_RECEIPT_NAME}/certificates`,
    httpHost: config.KEYS_HTTP_HOST,
    httpPort: config.KEYS_HTTP_PORT,
    logLevel: config.KEYS_LOG_LEVEL,
    leaseMs: config.KEYS_LEASE_SECONDS * 1_000,
    leaseUses: config.KEYS_LEASE_USES,
    rotation: { days: config.KEYS_ROTATE_DAYS, uses: config.KEYS_ROTATE_USES },
    epochMs: config.KEYS_EPOCH_HOURS * 3_600_000,
    rowsPerSecondMax: config.KEYS_REWRAP_ROWS_PER_SECOND,
    retireSettleMs: config.KEYS_RETIRE_SETTLE_SECONDS * 1_000,
    dataKeysKeptMs: config.KEYS_RETIRE_DATA_KEYS_DAYS * 86_400_000,
    allowFsyncOff: config.KEYS_ALLOW_FSYNC_OFF,
  });
}

export type KeysConfig = ReturnType<typeof readConfig>;
