import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readTracing, startTracing } from '@countersign/tracing';
import { readConfig } from './config.js';
import { startRetention } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'retention', level: 'warn' }) });
  const config = readConfig(process.env);
  const tracing = readTracing(process.env);
  const retention = await startRetention(config);
  const traces = await startTracing({ ...tracing, service: 'retention', log: retention.log });
  gracefulShutdown({ log: retention.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: [...retention.shutdown, ...traces] });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`retention: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused ? 78 : 1);
}
