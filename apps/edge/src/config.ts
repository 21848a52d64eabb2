import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { z } from 'zod';
import { CONTACT } from './pages/security-text.js';

const port = z.coerce.number().int().min(0).max(65_535);

/** The edge's environment. Secrets come as files (`…_FILE`); a variable that is missing or bad stops the start with its name. */
const schema = z.object({
  EDGE_NATS_URL: z.string(),
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain. */
  EDGE_NATS_TLS_DIR: z.string().optional(),
  /** File with the nkey seed of the edge. */
  EDGE_NATS_SEED_FILE: z.string(),
  /** The ledger's read API, inside the network. */
  EDGE_LEDGER_URL: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/$/, '')),
  /** What browsers see: `https://host[:port]`. */
  EDGE_PUBLIC_ORIGIN: z.url({ protocol: /^https$/ }).refine((url) => new URL(url).origin === url.replace(/\/$/, ''), 'must be an origin').transform((url) => new URL(url).origin),
  /** PEM: the certificate with its chain, and its key. */
  EDGE_TLS_CERT_FILE: z.string(),
  /** PEM, of the certificate. */
  EDGE_TLS_KEY_FILE: z.string(),
  EDGE_HTTPS_HOST: z.string().default('127.0.0.1'),
  EDGE_HTTPS_PORT: port.default(8443),
  /** Health and metrics, for whoever runs it: never public. */
  EDGE_OPERATIONS_HOST: z.string().default('127.0.0.1'),
  EDGE_OPERATIONS_PORT: port.default(8084),
  /** Addresses or networks (CIDR), comma-separated, whose X-Forwarded-For is believed. */
  EDGE_TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((each) => each.trim()).filter((each) => each !== ''))
    .refine((all) => all.every((each) => isIP(each.split('/')[0]!) !== 0), 'must be addresses or networks'),
  /** File with the URL of Redis, with its credentials: limits and Idempotency-Keys of all edges together. Absent: each edge has its own, in memory. */
  EDGE_REDIS_URL_FILE: z.string().optional(),
  /** How long an event over HTTP waits for its receipt. */
  EDGE_RECEIPT_MS: z.coerce.number().int().min(100).max(30_000).default(10_000),
  /** Multiplies every limit of requests a minute: for whoever has many people behind one address. */
  EDGE_LIMITS_FACTOR: z.coerce.number().min(0.1).max(1_000_000).default(1),
  /** Where faults are reported, comma-separated: `mailto:`, `https:` or `tel:`. Makes `/.well-known/security.txt`; without it there is none. */
  EDGE_SECURITY_CONTACT: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((each) => each.trim()).filter((each) => each !== ''))
    .refine((all) => all.every((each) => CONTACT.test(each)), 'must be mailto:, https: or tel: addresses'),
  EDGE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** Throws ConfigError that names variables, never their values. */
export function readConfig(env: Environment) {
  const config = parseConfig(schema, env);
  const file = (name: 'EDGE_NATS_SEED_FILE' | 'EDGE_TLS_CERT_FILE' | 'EDGE_TLS_KEY_FILE'): string => read(name, config[name]);
  const redis = config.EDGE_REDIS_URL_FILE;
  return Object.freeze({
    natsUrl: config.EDGE_NATS_URL,
    natsTlsDir: config.EDGE_NATS_TLS_DIR,
    natsSeed: file('EDGE_NATS_SEED_FILE').trim(),
    ledgerUrl: config.EDGE_LEDGER_URL,
    publicOrigin: config.EDGE_PUBLIC_ORIGIN,
    redisUrl: redis === undefined ? undefined : read('EDGE_REDIS_URL_FILE', redis).trim(),
    tls: Object.freeze({ cert: file('EDGE_TLS_CERT_FILE'), key: file('EDGE_TLS_KEY_FILE') }),
    host: config.EDGE_HTTPS_HOST,
    port: config.EDGE_HTTPS_PORT,
    operationsHost: config.EDGE_OPERATIONS_HOST,
    operationsPort: config.EDGE_OPERATIONS_PORT,
    trustedProxies: config.EDGE_TRUSTED_PROXIES,
    receiptMs: config.EDGE_RECEIPT_MS,
    limitsFactor: config.EDGE_LIMITS_FACTOR,
    securityContacts: config.EDGE_SECURITY_CONTACT,
    logLevel: config.EDGE_LOG_LEVEL,
  });
}
export type EdgeConfig = ReturnType<typeof readConfig>;

function read(name: string, path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.trim() !== '') return text;
  } catch {
    throw new ConfigError([{ name, problem: 'names a file that cannot be read' }]);
  }
  throw new ConfigError([{ name, problem: 'names an empty file' }]);
}
