import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readConfig } from './config.js';
import { startKeys } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'keys', level: 'warn', isImmediate: true }) });
  const keys = await startKeys(readConfig(process.env));
  gracefulShutdown({ log: keys.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: keys.shutdown });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`keys: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused ? 78 : 1);
}
