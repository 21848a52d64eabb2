import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readConfig } from './config.js';
import { startIdentity } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'identity', level: 'warn', isImmediate: true }) });
  const identity = await startIdentity(readConfig(process.env));
  gracefulShutdown({ log: identity.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: identity.shutdown });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`identity: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused ? 78 : 1);
}
