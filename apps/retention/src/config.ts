import { join } from 'node:path';
import { tenantSchema } from '@countersign/contracts';
import { dayIn } from '@countersign/legal-clock';
import { DEPLOYMENT, DEPLOYMENT_FORM } from '@countersign/postgres';
import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '@countersign/secrets';
import { z } from 'zod';

const DAY_MS = 86_400_000;
const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);

function isTimeZone(name: string): boolean {
  try {
    return dayIn(name, 0) !== '';
  } catch {
    return false;
  }
}

/** Retention's environment, without its secrets: those come as files or from a secrets manager (libs/secrets). */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  RETENTION_NATS_URL: z.string(),
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain. */
  RETENTION_NATS_TLS_DIR: z.string().optional(),
  /** Public key by which answers of the key service are known. */
  RETENTION_KEYS_PUBLIC_KEY_FILE: z.string(),
  /** Ledger that the installation's own policies and holds are recorded in; organisations have ledgers of their own. */
  RETENTION_TENANT: tenantSchema.default('system'),
  /** After a hold's release nothing that it covered is destroyed for so many days. */
  RETENTION_ANNOUNCE_DAYS: count(0, 365).default(14),
  /** Folder of what no database may forget: who was erased. Outside every snapshot of the databases. */
  RETENTION_STATE_DIR: z.string().min(1),
  /** Folder of exports, encrypted; default: below the state folder. Unused with a bucket. */
  RETENTION_FILES_DIR: z.string().min(1).optional(),
  /** Private bucket of an S3-compatible store for exports, in the place of a folder. */
  RETENTION_S3_BUCKET: z.string().min(1).optional(),
  /** Beginning of the names of exports in the bucket. */
  RETENTION_S3_PREFIX: z.string().max(256).default('exports/'),
  /** Of the bucket. */
  RETENTION_S3_REGION: z.string().min(1).default('us-east-1'),
  /** Of a store that is not AWS. */
  RETENTION_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** Who writes into the bucket; needed with one. */
  RETENTION_S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  /** Where the days of legal clocks are counted, an IANA name. */
  RETENTION_TIME_ZONE: z.string().default('UTC').refine(isTimeZone, 'must be a time zone such as Europe/Berlin'),
  /** Days on which nothing falls due, comma-separated, `2026-12-25`. */
  RETENTION_HOLIDAYS: z.string().default('').transform((text) => text.split(',').map((day) => day.trim()).filter((day) => day !== '')).refine((days) => days.every((day) => z.iso.date().safeParse(day).success), 'must be days such as 2026-12-25'),
  /** How long a person can withdraw a deletion before it is carried out. */
  RETENTION_ERASURE_WAIT_SECONDS: count(0, 604_800).default(3_600),
  /** Between two sweeps over everything that is held. */
  RETENTION_SWEEP_SECONDS: count(1, 86_400).default(3_600),
  /** Between two looks at what is due of requests, and at what holds have let go. */
  RETENTION_LOOK_SECONDS: count(1, 3_600).default(30),
  /** Orders of destruction that are given, at the most. */
  RETENTION_ORDERS_PER_SECOND_MAX: count(1, 1_000).default(10),
  RETENTION_HTTP_HOST: z.string().default('127.0.0.1'),
  RETENTION_HTTP_PORT: count(0, 65_535).default(8084),
  RETENTION_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** For tests only: accept a PostgreSQL whose fsync is off. */
  RETENTION_ALLOW_FSYNC_OFF: z.enum(['true', 'false']).transform((value) => value === 'true').default(false),
});

/** Throws ConfigError that names variables, never their values, and SecretFault SECRET_ENV_FORBIDDEN. */
export function readConfig(env: Environment) {
  const config = parseConfig(schema, env);
  return Object.freeze({
    /** Where its secrets come from; their values are not configuration. */
    secretSources: readSecretSources(env, SERVICE_SECRETS.retention),
    deployment: config.COUNTERSIGN_DEPLOYMENT,
    natsUrl: config.RETENTION_NATS_URL,
    natsTlsDir: config.RETENTION_NATS_TLS_DIR,
    keysPublicKeyFile: config.RETENTION_KEYS_PUBLIC_KEY_FILE,
    tenant: config.RETENTION_TENANT,
    announceMs: config.RETENTION_ANNOUNCE_DAYS * DAY_MS,
    stateDir: config.RETENTION_STATE_DIR,
    filesDir: config.RETENTION_FILES_DIR ?? join(config.RETENTION_STATE_DIR, 'files'),
    s3: s3Of(config),
    erasureWaitMs: config.RETENTION_ERASURE_WAIT_SECONDS * 1_000,
    timeZone: config.RETENTION_TIME_ZONE,
    holidays: new Set(config.RETENTION_HOLIDAYS),
    sweepPauseMs: config.RETENTION_SWEEP_SECONDS * 1_000,
    lookPauseMs: config.RETENTION_LOOK_SECONDS * 1_000,
    ordersPerSecondMax: config.RETENTION_ORDERS_PER_SECOND_MAX,
    httpHost: config.RETENTION_HTTP_HOST,
    httpPort: config.RETENTION_HTTP_PORT,
    logLevel: config.RETENTION_LOG_LEVEL,
    allowFsyncOff: config.RETENTION_ALLOW_FSYNC_OFF,
  });
}

/** Undefined: exports lie in a folder. */
function s3Of(config: z.output<typeof schema>) {
  const { RETENTION_S3_BUCKET: bucket, RETENTION_S3_PREFIX: prefix, RETENTION_S3_REGION: region, RETENTION_S3_ENDPOINT: endpoint, RETENTION_S3_ACCESS_KEY_ID: accessKeyId } = config;
  if (bucket === undefined) return undefined;
  if (accessKeyId === undefined) throw new ConfigError([{ name: 'RETENTION_S3_ACCESS_KEY_ID', problem: 'is missing: RETENTION_S3_BUCKET is set' }]);
  return Object.freeze({ bucket, prefix, region, endpoint, accessKeyId });
}

export type RetentionConfig = ReturnType<typeof readConfig>;
