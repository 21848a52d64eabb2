import { readFileSync } from 'node:fs';
import { DEPLOYMENT, DEPLOYMENT_FORM } from '@countersign/postgres';
import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '@countersign/secrets';
import { tenantSchema } from '@countersign/contracts';
import { ITERATIONS_DEFAULT, ITERATIONS_MAX, ITERATIONS_MIN } from '@countersign/credentials';
import { z } from 'zod';
import { SMTP_SECURITIES } from './mail/smtp.js';

const count = (min: number, max: number): z.ZodCoercedNumber => z.coerce.number().int().min(min).max(max);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** Codes go over no network in clear. */
function isPrivate(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || hostname === '127.0.0.1' || hostname === '[::1]' || hostname === 'localhost';
}

/**
 * Identity's environment, without its secrets: those come as files or from a secrets manager (libs/secrets). A variable that is
 * missing or bad stops the start with its name.
 */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  IDENTITY_NATS_URL: z.string(),
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for the bus; without it the connection is plain. */
  IDENTITY_NATS_TLS_DIR: z.string().optional(),
  /** Public key by which answers of the key service are known. */
  IDENTITY_KEYS_PUBLIC_KEY_FILE: z.string(),
  /** Ledger that accounts are recorded in. */
  IDENTITY_TENANT: tenantSchema.default('system'),
  /** Organisation that keeps accounts which belong to no other. */
  IDENTITY_HOME_ORGANIZATION: tenantSchema.default('home'),
  /** Who may make an account: anybody, or administrators alone. */
  IDENTITY_REGISTRATION: z.enum(['open', 'closed']).default('closed'),
  /** What browsers see: passkeys are bound to it, and mails lead there. */
  IDENTITY_PUBLIC_ORIGIN: z.url({ protocol: /^https$/ }).refine((url) => new URL(url).origin === url.replace(/\/$/, ''), 'must be an origin').transform((url) => new URL(url).origin).default('https://localhost:8443'),
  /** Domain of passkeys: the host of the origin, or one above it. Another one makes all of them useless. */
  IDENTITY_PASSKEY_DOMAIN: z.string().optional(),
  /** Shown by authenticators beside the code. */
  IDENTITY_ISSUER: z.string().min(1).max(64).default('Countersign'),
  /** Rounds of PBKDF2: what a guess costs, and a sign-in. */
  IDENTITY_PASSWORD_ITERATIONS: count(ITERATIONS_MIN, ITERATIONS_MAX).default(ITERATIONS_DEFAULT),
  /** Where lists of stolen passwords are asked, by the first five digits of a hash; `off`: nowhere. */
  IDENTITY_LEAKED_PASSWORDS: z.enum(['api', 'off']).default('api'),
  /** Have I Been Pwned, or a mirror of it inside the network. */
  IDENTITY_LEAKED_PASSWORDS_URL: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/$/, '')).optional(),
  /** File of SHA-1 digests in order, asked instead of the network, or before it. */
  IDENTITY_LEAKED_PASSWORDS_FILE: z.string().optional(),
  /** Program of the operator that brings messages to telephones. Without it no code goes by SMS, whatever policies say. */
  IDENTITY_SMS_URL: z.url({ protocol: /^https?$/ }).refine(isPrivate, 'must be https, or on this machine').optional(),
  /** Mail server. Without it mails wait, and a metric says so. */
  IDENTITY_SMTP_HOST: z.string().min(1).optional(),
  /** Of the mail server. */
  IDENTITY_SMTP_PORT: count(1, 65_535).default(465),
  /** TLS from the first byte, asked for, or none, which takes no password. */
  IDENTITY_SMTP_SECURITY: z.enum(SMTP_SECURITIES).default('tls'),
  /** File of authorities (PEM) that are trusted for the mail server instead of those of the system. */
  IDENTITY_SMTP_CA_FILE: z.string().optional(),
  /** Account at the mail server; its password is a secret. */
  IDENTITY_SMTP_USER: z.string().min(1).max(256).optional(),
  /** Address that mails come from. */
  IDENTITY_MAIL_FROM: z.email().optional(),
  IDENTITY_HTTP_HOST: z.string().default('127.0.0.1'),
  IDENTITY_HTTP_PORT: count(0, 65_535).default(8082),
  IDENTITY_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** For tests only: accept a PostgreSQL whose fsync is off. */
  IDENTITY_ALLOW_FSYNC_OFF: flag.default(false),
});

/** Throws ConfigError that names variables, never their values, and SecretFault SECRET_ENV_FORBIDDEN. */
export function readConfig(env: Environment) {
  const config = parseConfig(schema, env);
  // Whoever reads the ledger of an organisation must not read that of the installation by the way.
  if (config.IDENTITY_HOME_ORGANIZATION === config.IDENTITY_TENANT) throw new ConfigError([{ name: 'IDENTITY_HOME_ORGANIZATION', problem: 'is the ledger of the installation' }]);
  return Object.freeze({
    /** Where its secrets come from; their values are not configuration. */
    secretSources: readSecretSources(env, SERVICE_SECRETS.identity),
    deployment: config.COUNTERSIGN_DEPLOYMENT,
    natsUrl: config.IDENTITY_NATS_URL,
    natsTlsDir: config.IDENTITY_NATS_TLS_DIR,
    keysPublicKeyFile: config.IDENTITY_KEYS_PUBLIC_KEY_FILE,
    tenant: config.IDENTITY_TENANT,
    homeOrganization: config.IDENTITY_HOME_ORGANIZATION,
    isRegistrationOpen: config.IDENTITY_REGISTRATION === 'open',
    issuer: config.IDENTITY_ISSUER,
    publicOrigin: config.IDENTITY_PUBLIC_ORIGIN,
    passkeyDomain: passkeyDomainOf(config.IDENTITY_PUBLIC_ORIGIN, config.IDENTITY_PASSKEY_DOMAIN),
    passwordIterations: config.IDENTITY_PASSWORD_ITERATIONS,
    leakedPasswords: config.IDENTITY_LEAKED_PASSWORDS,
    leakedPasswordsUrl: config.IDENTITY_LEAKED_PASSWORDS_URL,
    leakedPasswordsFile: config.IDENTITY_LEAKED_PASSWORDS_FILE,
    smsUrl: config.IDENTITY_SMS_URL,
    smtp: smtpOf(config),
    httpHost: config.IDENTITY_HTTP_HOST,
    httpPort: config.IDENTITY_HTTP_PORT,
    logLevel: config.IDENTITY_LOG_LEVEL,
    allowFsyncOff: config.IDENTITY_ALLOW_FSYNC_OFF,
  });
}

function passkeyDomainOf(origin: string, domain: string | undefined): string {
  const { hostname } = new URL(origin);
  if (domain === undefined || domain === hostname) return hostname;
  if (!domain.includes('.') || !hostname.endsWith(`.${domain}`)) throw new ConfigError([{ name: 'IDENTITY_PASSKEY_DOMAIN', problem: 'must be the host of IDENTITY_PUBLIC_ORIGIN, or a domain above it' }]);
  return domain;
}

/** Undefined: there is no mail server. */
function smtpOf(config: z.output<typeof schema>) {
  const { IDENTITY_SMTP_HOST: host, IDENTITY_SMTP_PORT: port, IDENTITY_SMTP_SECURITY: security, IDENTITY_SMTP_CA_FILE: caFile, IDENTITY_SMTP_USER: user, IDENTITY_MAIL_FROM: from } = config;
  if (host === undefined) return undefined;
  if (from === undefined) throw new ConfigError([{ name: 'IDENTITY_MAIL_FROM', problem: 'is missing: IDENTITY_SMTP_HOST is set' }]);
  if (security === 'none' && user !== undefined) throw new ConfigError([{ name: 'IDENTITY_SMTP_SECURITY', problem: 'would send a password in clear' }]);
  return Object.freeze({ host, port, security, from, ca: caFile === undefined ? undefined : read('IDENTITY_SMTP_CA_FILE', caFile), user });
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError([{ name, problem: 'names a file that cannot be read' }]);
  }
}

export type IdentityConfig = ReturnType<typeof readConfig>;
