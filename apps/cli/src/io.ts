import type { Command } from 'commander';
import { EXIT } from './exit-code.js';
import type { ExitCode } from './exit-code.js';
import { Output } from './output.js';
import type { Streams } from './output.js';
import { NO_PROGRESS, progressOn } from './progress.js';
import type { Progress } from './progress.js';
import type { Environment } from './target.js';

/** Everything of the outside world that commands touch. */
export interface Io {
  readonly env: Environment;
  readonly cwd: string;
  readonly streams: Streams;
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** Where a command leaves its exit code. */
export interface Ended {
  exitCode: ExitCode;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document on stdout');
}

/** Runs a command's work, prints a failure if it fails, and leaves the exit code. */
export async function run(io: Io, ended: Ended, options: { readonly json?: boolean }, work: (output: Output) => Promise<ExitCode | void>): Promise<void> {
  const output = new Output(io.streams, options.json === true);
  try {
    ended.exitCode = (await work(output)) ?? EXIT.ok;
  } catch (error) {
    ended.exitCode = output.failure(error);
  }
}

/** Progress for people; none beside JSON. */
export function progressFor(output: Output, what: string, unit: string): Progress {
  return output.json ? NO_PROGRESS : progressOn(output.streams, what, unit);
}

/** Adds examples below a command's help. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ countersign ${line}`).join('\n')}`);
}
