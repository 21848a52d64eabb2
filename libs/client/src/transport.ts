/**
 * What the emitter needs of a bus. One connection must keep the order of what is published on it.
 */
export interface EmitterTransport {
  readonly connected: boolean;
  /** Calls `listener` with true whenever a connection is made again, with false when it is lost. Returns a stop function. */
  onStatus(listener: (connected: boolean) => void): () => void;
  /**
   * Stores one message in the intake. Resolves when the bus says it has it (PubAck), which is no receipt.
   * Rejects when it may not have it; publishing again is safe.
   * @param traceparents of the events, as far as their traces are recorded
   */
  publish(subject: string, body: Uint8Array, traceparents: readonly string[]): Promise<void>;
  /** Delivers every later message of a subject, across reconnects. Returns a stop function. */
  subscribe(subject: string, deliver: (body: Uint8Array) => void): () => void;
  close(): Promise<void>;
}

/** The part of a pino logger that is used. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
