import { tenantSchema } from '@countersign/contracts';
import { parseConfig, type Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '@countersign/secrets';
import { z } from 'zod';

const DAY_MS = 86_400_000;
const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);

/** Retention's environment, without its secrets: those come as files or from a secrets manager (libs/secrets). */
const schema = z.object({
  RETENTION_NATS_URL: z.string(),
  /** Public key by which answers of the key service are known. */
  RETENTION_KEYS_PUBLIC_KEY_FILE: z.string(),
  /** Ledger that the installation's own policies and holds are recorded in; organisations have ledgers of their own. */
  RETENTION_TENANT: tenantSchema.default('system'),
  /** After a hold's release nothing that it covered is destroyed for so many days. */
  RETENTION_ANNOUNCE_DAYS: count(0, 365).default(14),
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
    natsUrl: config.RETENTION_NATS_URL,
    keysPublicKeyFile: config.RETENTION_KEYS_PUBLIC_KEY_FILE,
    tenant: config.RETENTION_TENANT,
    announceMs: config.RETENTION_ANNOUNCE_DAYS * DAY_MS,
    httpHost: config.RETENTION_HTTP_HOST,
    httpPort: config.RETENTION_HTTP_PORT,
    logLevel: config.RETENTION_LOG_LEVEL,
    allowFsyncOff: config.RETENTION_ALLOW_FSYNC_OFF,
  });
}

export type RetentionConfig = ReturnType<typeof readConfig>;
