import 'reflect-metadata';
import { DatabaseRefused } from '@countersign/postgres';
import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { SecretFault } from '@countersign/secrets';
import { readConfig } from './config.js';
import { startLedger } from './service.js';

const SHUTDOWN_LIMIT_MS = 20_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'ledger', level: 'warn', isImmediate: true }) });
  const ledger = await startLedger(readConfig(process.env));
  gracefulShutdown({ log: ledger.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: ledger.shutdown });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`ledger: ${error instanceof Error ? error.message : String(error)}\n`);
  const isSettled = error instanceof ConfigError || error instanceof MemoryExposedError || error instanceof DatabaseRefused || (error instanceof SecretFault && error.code !== 'SECRET_PROVIDER_UNAVAILABLE');
  process.exit(isSettled ? 78 : 1);
}
