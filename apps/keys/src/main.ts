import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readTracing, startTracing } from '@countersign/tracing';
import { readConfig } from './config.js';
import { startKeys } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'keys', level: 'warn', isImmediate: true }) });
  const config = readConfig(process.env);
  const tracing = readTracing(process.env);
  const keys = await startKeys(config);
  const traces = await startTracing({ ...tracing, service: 'keys', log: keys.log });
  gracefulShutdown({ log: keys.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: [...keys.shutdown, ...traces] });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`keys: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused ? 78 : 1);
}
