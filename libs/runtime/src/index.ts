export { ConfigError, parseConfig, type BadVariable, type Environment } from './config.js';
export { createLogger, REDACTED_PATHS, withCorrelation, type Logger, type LoggerOptions, type LogLevel } from './logger.js';
export { keepMemoryPrivate, MemoryExposedError, type KeepMemoryPrivateOptions } from './keep-memory-private.js';
export { createRegistry, type MetricsOptions } from './metrics.js';
export { registerPoolMetrics, type CountedPool } from './pool-metrics.js';
export { gracefulShutdown, type Shutdown, type ShutdownOptions, type ShutdownStep } from './graceful-shutdown.js';
export { writeFileDurably } from './write-file-durably.js';
export { loopDelayMonitor, type LoopDelayMonitor } from './loop-delay.js';
export { unlessAborted } from './unless-aborted.js';
