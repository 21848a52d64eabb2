import type { Logger } from '@countersign/runtime';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** Logs when the collector begins to fail, and when it takes spans again; not each of them that is lost. */
export class ToldExporter implements SpanExporter {
  #isFailing = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly log: Pick<Logger, 'warn' | 'info'>,
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.exporter.export(spans, (result) => {
      this.#note(result);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  #note({ code, error }: ExportResult): void {
    const isFailing = code === ExportResultCode.FAILED;
    if (isFailing && !this.#isFailing) this.log.warn({ err: error }, 'the collector takes no spans: they are dropped');
    if (!isFailing && this.#isFailing) this.log.info('the collector takes spans again');
    this.#isFailing = isFailing;
  }
}
