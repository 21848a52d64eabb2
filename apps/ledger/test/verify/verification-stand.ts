import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from '@countersign/contracts';
import { FileProgressStore, type VerifyProgress } from '../../src/verify/progress-store.js';
import type { VerifyRunner } from '../../src/verify/runner.js';
import { Verification, type VerificationOptions } from '../../src/verify/verification.js';
import { verifyCheckpoints } from '../../src/verify/verify-checkpoints.js';
import { verifySegment } from '../../src/verify/verify-segment.js';
import type { LedgerFixture, TestLedger } from '../fixture/ledger-fixture.js';
import { tempDir } from '../fixture/temp-dir.js';

const NEVER_MS = 365 * 86_400_000;
const WAIT_LIMIT_MS = 20_000;

export interface Recorded {
  readonly verdict: Verdict;
  readonly toLedger: boolean;
}

/** Verification under test of one ledger, with everything that it did. */
export class VerificationStand {
  readonly saidAgain: Verdict[] = [];
  readonly recorded: Recorded[] = [];
  /** What happened, in order: `stop`, `resume`, `record intact`, `record broken`, `error <message>`. */
  readonly happened: string[] = [];
  readonly progress: FileProgressStore;
  passes = 0;
  passesAtOnceMax = 0;
  /** Each fails this often before it succeeds. */
  readonly failures = { stop: 0, resume: 0, record: 0, segment: 0 };
  /** Waited for by every stretch before it is verified. */
  gate: Promise<void> = Promise.resolve();
  private passesAtOnce = 0;
  verification: Verification;

  private constructor(
    private readonly fixture: LedgerFixture,
    readonly ledger: TestLedger,
    private readonly dir: string,
    given: Partial<VerificationOptions>,
  ) {
    this.progress = new FileProgressStore(join(this.dir, 'verified'));
    this.verification = this.make(given);
  }

  static async open(fixture: LedgerFixture, ledger: TestLedger, given: Partial<VerificationOptions> = {}): Promise<VerificationStand> {
    return new VerificationStand(fixture, ledger, await tempDir(), given);
  }

  /** Stops, and begins anew over the same progress, as after a restart. */
  async restart(given: Partial<VerificationOptions> = {}): Promise<void> {
    await this.verification.stop();
    this.verification = this.make(given);
  }

  saved(): Promise<VerifyProgress> {
    return this.progress.load(this.ledger.tenant);
  }

  verdicts(): Pick<Verdict, 'verdict' | 'kind' | 'fromIndex' | 'toIndex'>[] {
    return this.recorded.map(({ verdict: { verdict, kind, fromIndex, toIndex } }) => ({ verdict, kind, fromIndex, toIndex }));
  }

  get unverifiedSeconds(): number {
    return [...this.verification.status()][0]!.unverifiedSeconds;
  }

  private make(given: Partial<VerificationOptions>): Verification {
    const { reader, url, archive, signer } = this.fixture;
    return new Verification({
      pass: { pool: reader, databaseUrl: url('ledger_reader'), archive, signer, runner: this.runner(), now: () => new Date() },
      progress: this.progress,
      fullIntervalMs: NEVER_MS,
      tailIntervalMs: 20,
      tickMs: 10,
      record: async (_ledger, verdict, toLedger) => {
        this.attempt('record');
        this.happened.push(`record ${verdict.verdict}`);
        this.recorded.push({ verdict, toLedger });
      },
      onBroken: async () => {
        this.attempt('stop');
        this.happened.push('stop');
      },
      onStillBroken: (verdict) => void this.saidAgain.push(verdict),
      onIntactAgain: async () => {
        this.attempt('resume');
        this.happened.push('resume');
      },
      onError: (_ledger, error) => this.happened.push(`error ${(error as Error).message}`),
      ...given,
    });
  }

  private attempt(what: keyof VerificationStand['failures']): void {
    if (this.failures[what] === 0) return;
    this.failures[what] -= 1;
    throw new Error(`${what} failed`);
  }

  private runner(): VerifyRunner {
    return {
      checkpoints: verifyCheckpoints,
      segment: async (job) => {
        this.passes += 1;
        this.passesAtOnce += 1;
        this.passesAtOnceMax = Math.max(this.passesAtOnceMax, this.passesAtOnce);
        try {
          await this.gate;
          this.attempt('segment');
          return await verifySegment(job);
        } finally {
          this.passesAtOnce -= 1;
        }
      },
      threads: 1,
      close: async () => undefined,
    };
  }
}

/** Waits until the condition holds; fails after a while, saying what it waited for. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`never true: ${condition.toString()}`);
    await sleep(10);
  }
}
