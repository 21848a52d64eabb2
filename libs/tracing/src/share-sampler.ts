import { SamplingDecision, type Sampler, type SamplingResult } from '@opentelemetry/sdk-trace';

/** Traces that begin in a second, at the most, whatever the share: a flood of requests must not become one of spans. */
export const TRACES_A_SECOND_MAX = 50;
const SECOND_MS = 1_000;

/**
 * Decides for a share of traces, by lot. Not by the trace's id, as TraceIdRatioBasedSampler does: that is the caller's to
 * choose, who could choose such as are always recorded.
 */
export class ShareSampler implements Sampler {
  #secondMs = -Infinity;
  #begun = 0;

  constructor(
    private readonly share: number,
    private readonly random: () => number = Math.random,
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {}

  shouldSample(): SamplingResult {
    return { decision: this.random() < this.share && this.#hasRoom() ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  #hasRoom(): boolean {
    const nowMs = this.monotonicMs();
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#begun = 0;
    }
    this.#begun += 1;
    return this.#begun <= TRACES_A_SECOND_MAX;
  }

  toString(): string {
    return `ShareSampler{${String(this.share)}}`;
  }
}
