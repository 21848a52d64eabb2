/** What every command's exit code means; printed by `countersign --help` and documented in docs/how-to/cli.md. */
export const EXIT = {
  ok: 0,
  /** Wrong arguments, unreadable input, or something on this machine that is not as it must be. */
  usage: 1,
  /** A verification ran and found a fault. */
  fault: 2,
  /** The ledger, the bus or the key service did not answer, or not in time. */
  unreachable: 3,
  /** The ledger refused an event, or the key service what was asked of it. */
  refused: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An expected failure: printed as one line (or one JSON document) and ended with `exitCode`. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly exitCode: ExitCode,
    /** For machines, upper case. */
    readonly code: string,
    message: string,
    /** Further fields of the JSON document. */
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, 'USAGE', message);
}
