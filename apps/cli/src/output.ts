import { ChainFault } from '@countersign/chain';
import { EmitError, RefusedError } from '@countersign/client';
import { CliError, EXIT } from './exit-code.js';
import type { ExitCode } from './exit-code.js';

/** Where a command writes: results on stdout, everything else on stderr. */
export interface Streams {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean | undefined };
}

/** Prints the one result of a command: lines for people, or one JSON document. */
export class Output {
  constructor(
    readonly streams: Streams,
    readonly json: boolean,
  ) {}

  /** `lines` is asked for only when nobody wants JSON. */
  result(document: object, lines: () => readonly string[]): void {
    this.streams.out.write(this.json ? `${JSON.stringify(document)}\n` : `${lines().join('\n')}\n`);
  }

  /** Something to know meanwhile; never on stdout. */
  note(line: string): void {
    this.streams.err.write(`${line}\n`);
  }

  /** Prints a failure and returns its exit code. */
  failure(error: unknown): ExitCode {
    const failure = describe(error);
    if (this.json) this.streams.out.write(`${JSON.stringify({ ok: false, error: { code: failure.code, message: failure.message, ...failure.detail } })}\n`);
    else this.streams.err.write(`${failure.message}\n`);
    return failure.exitCode;
  }
}

/** Every error that a command may end with, as exit code and stable code. */
export function describe(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ChainFault) return fromFault(error);
  if (error instanceof RefusedError) return new CliError(EXIT.refused, error.code, `refused: ${error.code}: ${error.message}`, { field: error.field });
  if (error instanceof EmitError) return fromEmitError(error);
  const { code, message } = error as NodeJS.ErrnoException;
  return new CliError(EXIT.usage, typeof code === 'string' ? code : 'FAILED', message);
}

function fromFault(fault: ChainFault): CliError {
  const { leafIndex, treeSize } = fault.detail;
  const where = leafIndex === undefined ? '' : ` at leaf ${leafIndex}`;
  const exitCode = fault.code === 'VKEY_MALFORMED' ? EXIT.usage : EXIT.fault;
  return new CliError(exitCode, fault.code, `FAILED: ${fault.code}${where}: ${fault.message}`, { leafIndex, treeSize });
}

function fromEmitError(error: EmitError): CliError {
  if (error.code.startsWith('EVENT_')) return new CliError(EXIT.refused, error.code, `refused: ${error.code}: ${error.message}`, { field: error.field });
  const isSlow = error.code === 'RECEIPT_TIMEOUT' || error.code === 'PUBLISH_UNCONFIRMED';
  return new CliError(isSlow ? EXIT.unreachable : EXIT.usage, error.code, error.message);
}
