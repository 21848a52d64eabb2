import type { Logger } from './logger.js';

export interface ShutdownStep {
  readonly name: string;
  readonly run: () => Promise<unknown> | void;
}

export interface ShutdownOptions {
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** All steps together; then the process exits with 1, whatever hangs. */
  readonly timeoutMs: number;
  /** Run one after the other, in this order: stop taking work first, close the database last. */
  readonly steps: readonly ShutdownStep[];
  /** Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Default `process.exit`. */
  readonly exit?: (code: number) => void;
}

export interface Shutdown {
  /** Begins the shutdown as a signal would; the same promise for every caller. Resolves with the exit code. */
  begin(reason: string): Promise<number>;
  /** Stops listening to signals. */
  dispose(): void;
}

async function runSteps(options: ShutdownOptions): Promise<number> {
  let code = 0;
  for (const { name, run } of options.steps) {
    try {
      await run();
      options.log.info({ step: name }, 'shutdown step done');
    } catch (error) {
      // The later steps close files and connections: they matter even more now.
      code = 1;
      options.log.error({ step: name, err: error }, 'shutdown step failed');
    }
  }
  return code;
}

/**
 * Ends the process in order when a signal comes. Exit code 0; 1 when a step failed or the time ran out.
 * Further signals change nothing; SIGKILL is there for the impatient, and everything here survives it.
 */
export function gracefulShutdown(options: ShutdownOptions): Shutdown {
  const signals = options.signals ?? ['SIGTERM', 'SIGINT'];
  let running: Promise<number> | undefined;

  const begin = (reason: string): Promise<number> => {
    running ??= (async () => {
      options.log.info({ reason }, 'shutting down');
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<number>((resolve) => {
        timer = setTimeout(() => {
          options.log.error({ timeoutMs: options.timeoutMs }, 'shutdown took too long');
          resolve(1);
        }, options.timeoutMs);
      });
      const code = await Promise.race([runSteps(options), late]);
      clearTimeout(timer);
      (options.exit ?? ((status: number) => process.exit(status)))(code);
      return code;
    })();
    return running;
  };

  const onSignal = (name: NodeJS.Signals): void => {
    begin(name).catch((error: unknown) => options.log.error({ err: error }, 'shutdown failed'));
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    begin,
    dispose: () => {
      for (const name of signals) process.removeListener(name, onSignal);
    },
  };
}
