import { ConfigError, createLogger, gracefulShutdown, keepMemoryPrivate, MemoryExposedError } from '@countersign/runtime';
import { readTracing, startTracing } from '@countersign/tracing';
import { readConfig } from './config.js';
import { startEdge } from './service.js';

const SHUTDOWN_LIMIT_MS = 9_000;

try {
  keepMemoryPrivate({ log: createLogger({ service: 'edge', level: 'warn', isImmediate: true }) });
  const config = readConfig(process.env);
  const tracing = readTracing(process.env);
  const edge = await startEdge(config);
  const traces = await startTracing({ ...tracing, service: 'edge', isPublic: true, log: edge.log });
  gracefulShutdown({ log: edge.log, timeoutMs: SHUTDOWN_LIMIT_MS, steps: [...edge.shutdown, ...traces] });
} catch (error) {
  // Configuration and start-up errors are for a person at a terminal: one line, no stack.
  process.stderr.write(`edge: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MemoryExposedError ? 78 : 1);
}
