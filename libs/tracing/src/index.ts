export { readTracing, type TracingConfig } from './tracing-config.js';
export { startTracing, type TracingOptions } from './start-tracing.js';
