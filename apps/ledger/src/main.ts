import 'reflect-metadata';
import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { SecretFault } from '@countersign/secrets';
import { readTracing, startTracing } from '@countersign/tracing';
import { readConfig } from './config.js';
import { startLedger } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'ledger', level: 'warn', isImmediate: true }) });
  const config = readConfig(process.env);
  const tracing = readTracing(process.env);
  const ledger = await startLedger(config);
  const traces = await startTracing({ ...tracing, service: 'ledger', log: ledger.log });
  gracefulShutdown({ log: ledger.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: [...ledger.shutdown, ...traces] });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`ledger: ${error instanceof Error ? error.message : String(error)}\n`);
  const isSettled = error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused || (error instanceof SecretFault && error.code !== 'SECRET_PROVIDER_UNAVAILABLE');
  process.exit(isSettled ? 78 : 1);
}
