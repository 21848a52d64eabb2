import type { SecretName } from './secret-config.js';

/** Every secret that a service needs: what `countersign secrets check` looks for, and what the services open. */
export const SERVICE_SECRETS = {
  ledger: [
    /** Connection URL of the role `ledger_runtime`. */
    { name: 'LEDGER_DATABASE_URL' },
    /** Connection URL of the role `ledger_reader`, which verification and readers use. */
    { name: 'LEDGER_READER_DATABASE_URL' },
    /** Connection URL of the role `ledger_eraser`; without it the ledger destroys nothing, whoever orders it. */
    { name: 'LEDGER_ERASER_DATABASE_URL', isOptional: true },
    /** Nkey seed of the ledger's own account. */
    { name: 'LEDGER_NATS_SEED' },
    /** Of the sealed signing keys; without it a key file beside them seals them. */
    { name: 'LEDGER_KEYS_PASSPHRASE', isOptional: true },
  ],
  keys: [
    /** Connection URL of the role `keys_runtime`, to the main database. */
    { name: 'KEYS_DATABASE_URL' },
    /** Connection URL of the subject keys' database, apart from the main one. */
    { name: 'KEYS_SUBJECTS_DATABASE_URL' },
    /** Nkey seed of its bus user. */
    { name: 'KEYS_NATS_SEED' },
    /** Who may ask, with their public keys: no secret, and followed like one. */
    { name: 'KEYS_SERVICES' },
    /** Of the sealed root key; without it a key file beside it seals it. */
    { name: 'KEYS_ROOT_PASSPHRASE', isOptional: true },
    /** The one before, while it is being replaced. */
    { name: 'KEYS_ROOT_PREVIOUS_PASSPHRASE', isOptional: true },
  ],
  identity: [
    /** Connection URL of the role `identity_runtime`. */
    { name: 'IDENTITY_DATABASE_URL' },
    /** Nkey seed of its bus user. */
    { name: 'IDENTITY_NATS_SEED' },
    /** Where failed attempts are counted for all instances together, with its credentials. */
    { name: 'IDENTITY_REDIS_URL', isOptional: true },
    /** Of the account at the mail server. */
    { name: 'IDENTITY_SMTP_PASSWORD', isOptional: true },
    /** Signs what the program gets that sends messages to telephones. */
    { name: 'IDENTITY_SMS_KEY', isOptional: true },
  ],
  retention: [
    /** Connection URL of the role `retention_runtime`. */
    { name: 'RETENTION_DATABASE_URL' },
    /** Nkey seed of its bus user. */
    { name: 'RETENTION_NATS_SEED' },
    /** Of the bucket in which exports lie; without one they lie in a folder. */
    { name: 'RETENTION_S3_SECRET_ACCESS_KEY', isOptional: true },
  ],
} as const satisfies Readonly<Record<string, readonly SecretName[]>>;

export type ServiceName = keyof typeof SERVICE_SECRETS;
