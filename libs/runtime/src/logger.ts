import { trace } from '@opentelemetry/api';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

const SECRET_NAMES = ['password', 'secret', 'token', 'authorization', 'cookie', 'seed', 'nkeySeed', 'privateKey', 'databaseUrl', 'superuserUrl', 'ownerUrl', 'connectionString'];

/** Paths whose values never reach the log: these names at the top and up to two levels down. */
export const REDACTED_PATHS: readonly string[] = SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]).concat('req.headers["set-cookie"]', 'res.headers["set-cookie"]');

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Further paths to redact, in pino's notation. */
  readonly redact?: readonly string[];
  /** Default: standard output. */
  readonly destination?: DestinationStream;
  /**
   * Whether a line is out when the call returns: for what a process says as it ends. Default: no, and a thread writes the lines, since
   * a service does not stand still when nobody takes its log.
   */
  readonly isImmediate?: boolean;
}

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

/**
 * What of an error may be logged. A database's error carries the row or the key that it stumbled over in further
 * fields (`detail`, `where`): personal data, so nothing but the named fields passes.
 */
function loggedError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error' };
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return { type: name, message, code, stack, ...(cause === undefined ? {} : { cause: loggedError(cause) }) };
}

/** By which the lines of one trace are found, in the names that OpenTelemetry gives them in logs. */
function traceFields(): object {
  const found = trace.getActiveSpan()?.spanContext();
  return found === undefined ? {} : { trace_id: found.traceId, span_id: found.spanId };
}

/** A JSON logger: one object a line, with `time` in ISO 8601 and `service`, and within a trace its ids. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: loggedError, error: loggedError },
    mixin: traceFields,
    redact: { paths: [...REDACTED_PATHS, ...(options.redact ?? [])], censor: '[redacted]' },
  };
  const destination = options.destination ?? (options.isImmediate === true ? pino.destination({ dest: 1, sync: true }) : undefined);
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** A logger whose lines all carry `correlationId`, which ties together what one request caused. */
export function withCorrelation(log: Logger, correlationId: string): Logger {
  return log.child({ correlationId });
}
