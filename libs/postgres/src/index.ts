export type { Pool, PoolClient } from 'pg';
export { createPool, withClient, type PoolOptions } from './pool.js';
export { withTransaction, type IsolationLevel, type TransactionOptions } from './transaction.js';
export { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, copyBinary } from './copy.js';
export { CopyOutMessages } from './copy-out-messages.js';
export { copyOutRows } from './copy-out.js';
export { migrate, type MigrateOptions } from './migrate.js';
export { ensureDatabase, ensureRole, scramVerifier, type RoleOptions } from './roles.js';
export { assertDurable, NotDurableError, type DurabilityOptions } from './durability.js';
