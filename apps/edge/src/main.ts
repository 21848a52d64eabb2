import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readConfig } from './config.js';
import { startEdge } from './service.js';

const SHUTDOWN_LIMIT_MS = 9_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'edge', level: 'warn', isImmediate: true }) });
  const edge = await startEdge(readConfig(process.env));
  gracefulShutdown({ log: edge.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: edge.shutdown });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`edge: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError ? 78 : 1);
}
