import { DEPLOYMENT, DEPLOYMENT_FORM } from '@countersign/postgres';
import { ConfigError, parseConfig, type BadVariable, type Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '@countersign/secrets';
import { z } from 'zod';
import { PART_CLASSES_DEFAULT, readPartClasses } from './destroy/part-class.js';

const port = z.coerce.number().int().min(0).max(65_535);
const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/**
 * The ledger's environment, without its secrets: those come as files or from a secrets manager (libs/secrets). A variable
 * that is missing or bad stops the start with its name.
 */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  LEDGER_NATS_URL: z.string(),
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain. */
  LEDGER_NATS_TLS_DIR: z.string().optional(),
  /** Checkpoint archive and verification progress: storage that the database's operators cannot write. */
  LEDGER_STATE_DIR: z.string(),
  /**
   * Whose keys sign and encrypt: the key service's, and then nobody else's, or those of a sealed file, for a ledger that is
   * alone on its machine.
   */
  LEDGER_KEYS: z.enum(['service', 'sealed-file']).default('service'),
  /** Public key by which answers of the key service are known; needed with `service`. */
  LEDGER_KEYS_PUBLIC_KEY_FILE: z.string().optional(),
  /** Sealed keys: of content digests, and with `sealed-file` of checkpoints. Default: `keys/` in the state folder. */
  LEDGER_KEYS_DIR: z.string().optional(),
  /** The origin of a ledger is this, a slash, and its tenant. */
  LEDGER_ORIGIN_PREFIX: z.string().regex(/^[a-z0-9.-]+(\/[a-z0-9._-]+)*$/, 'must be a schemeless URL prefix'),
  LEDGER_HTTP_HOST: z.string().default('127.0.0.1'),
  LEDGER_HTTP_PORT: port.default(8080),
  LEDGER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** Between two verifications of everything. */
  LEDGER_FULL_VERIFY_HOURS: z.coerce.number().min(0.001).max(720).default(24),
  /** Between two verifications of what is new. */
  LEDGER_TAIL_VERIFY_SECONDS: z.coerce.number().min(1).max(60).default(15),
  /** Threads of a verification. */
  LEDGER_VERIFY_THREADS: count(1, 64).default(2),
  /** Between two checkpoints of a ledger that grows. */
  LEDGER_CHECKPOINT_INTERVAL_MS: count(50, 1_000).default(500),
  /** Classes of data by the beginning of event types, `billing=financial,crm.contact=contact`, beside those of the platform. */
  LEDGER_PART_CLASSES: z.string().transform((text, context) => readPartClasses(text) ?? (context.addIssue('must be <beginning of a type>=<class>, separated by commas'), z.NEVER)).default(PART_CLASSES_DEFAULT),
  /** Parts of a stretch of a ledger that does not fill up are shown to retention after this time. */
  LEDGER_STRETCH_MAX_AGE_SECONDS: z.coerce.number().min(0).max(2_592_000).default(86_400),
  /** For tests only: accept a PostgreSQL whose fsync is off. */
  LEDGER_ALLOW_FSYNC_OFF: flag.default(false),
});

/** Throws ConfigError that names variables, never their values, and SecretFault SECRET_ENV_FORBIDDEN. */
export function readConfig(env: Environment) {
  const [config, secretSources] = readAll(
    () => parseConfig(schema, env),
    () => readSecretSources(env, SERVICE_SECRETS.ledger),
  );
  if (config.LEDGER_KEYS === 'service' && config.LEDGER_KEYS_PUBLIC_KEY_FILE === undefined) {
    throw new ConfigError([{ name: 'LEDGER_KEYS_PUBLIC_KEY_FILE', problem: 'is missing' }]);
  }
  return Object.freeze({
    /** Where its secrets come from; their values are not configuration. */
    secretSources,
    deployment: config.COUNTERSIGN_DEPLOYMENT,
    natsUrl: config.LEDGER_NATS_URL,
    natsTlsDir: config.LEDGER_NATS_TLS_DIR,
    stateDir: config.LEDGER_STATE_DIR,
    keys: config.LEDGER_KEYS,
    keysPublicKeyFile: config.LEDGER_KEYS_PUBLIC_KEY_FILE,
    keysDir: config.LEDGER_KEYS_DIR ?? `${config.LEDGER_STATE_DIR}/keys`,
    partClasses: config.LEDGER_PART_CLASSES,
    stretchMaxAgeMs: config.LEDGER_STRETCH_MAX_AGE_SECONDS * 1_000,
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

/** Both, or one ConfigError that names what is wrong with either. */
function readAll<A, B>(first: () => A, second: () => B): [A, B] {
  const bad: BadVariable[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      bad.push(...error.variables);
      return undefined;
    }
  };
  const both = [attempt(first), attempt(second)] as [A, B];
  if (bad.length > 0) throw new ConfigError(bad);
  return both;
}
