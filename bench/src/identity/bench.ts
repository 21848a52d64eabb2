import { median, quantile } from '../quantile.js';
import { edgeSignIns } from './edge-sign-ins.js';
import type { IdentityFigures } from './figures.js';
import type { IdentityScale } from './options.js';
import { decisionNs, permissionCheckNs } from './permission-checks.js';
import { revokeOnce, type Revoked } from './revocations.js';
import { sessionChecks } from './session-checks.js';
import { BareCores, openSignIns } from './sign-ins.js';
import type { IdentityStack } from './stack.js';

const WARM_UP_SECONDS = 0.5;
const WARM_UP_PASSWORDS = 10;

/** Runs the measurements of identity one after the other. */
export class IdentityBench {
  readonly figures: IdentityFigures = {};
  /** One line for each round of each measurement. */
  readonly rounds: string[] = [];

  constructor(
    private readonly stack: IdentityStack,
    private readonly scale: IdentityScale,
    private readonly say: (line: string) => void,
  ) {}

  async run(): Promise<void> {
    await this.permissions();
    await this.passwords();
    await this.sessions();
    await this.revocations();
    await this.signIns();
  }

  private async permissions(): Promise<void> {
    const { rounds, checkSeconds } = this.scale;
    const [checks, decisions]: [number[], number[]] = [[], []];
    await permissionCheckNs(WARM_UP_SECONDS);
    await decisionNs(WARM_UP_SECONDS);
    for (let round = 1; round <= rounds; round++) {
      checks.push(await permissionCheckNs(checkSeconds));
      decisions.push(await decisionNs(checkSeconds));
      this.tell(`round ${round}: permission check ${checks.at(-1)!.toFixed(1)} ns, decision ${decisions.at(-1)!.toFixed(1)} ns`);
    }
    Object.assign(this.figures, { permission_check_ns: median(checks), decision_ns: median(decisions) } satisfies IdentityFigures);
  }

  /** Bare before and after each round, so that a slow minute of the machine hits both. */
  private async passwords(): Promise<void> {
    const { rounds, passwords } = this.scale;
    const [verified, bare, ratios, delays]: [number[], number[], number[], number[]] = [[], [], [], []];
    const signIns = await openSignIns();
    const cores = new BareCores();
    try {
      await signIns(WARM_UP_PASSWORDS);
      await cores.perSecond(WARM_UP_PASSWORDS);
      for (let round = 1; round <= rounds; round++) {
        const before = await cores.perSecond(passwords / 2);
        const { perSecond, loopDelayP99Ms } = await signIns(passwords);
        const after = await cores.perSecond(passwords / 2);
        const alone = (before + after) / 2;
        verified.push(perSecond);
        bare.push(alone);
        ratios.push(perSecond / alone);
        delays.push(loopDelayP99Ms);
        this.tell(`round ${round}: ${perSecond.toFixed(2)} passwords/s, bare ${before.toFixed(2)} and ${after.toFixed(2)}, event loop p99 ${loopDelayP99Ms.toFixed(1)} ms`);
      }
    } finally {
      await cores.close();
    }
    const figures: IdentityFigures = { sign_in_per_s: median(verified), bare_pbkdf2_per_s: median(bare), sign_in_vs_bare: median(ratios), event_loop_delay_p99_ms: Math.max(...delays) };
    Object.assign(this.figures, figures);
  }

  private async sessions(): Promise<void> {
    const { perSecond, p99Us } = await sessionChecks(this.stack, this.scale.checkSeconds);
    this.tell(`session checks, cached: ${perSecond.toFixed(0)}/s, p99 ${p99Us.toFixed(1)} µs`);
    Object.assign(this.figures, { session_check_per_s: perSecond, session_check_p99_us: p99Us } satisfies IdentityFigures);
  }

  private async revocations(): Promise<void> {
    const all: Revoked[] = [];
    for (let at = 0; at < this.scale.revocations; at += 1) all.push(await revokeOnce(this.stack, at));
    const [refused, returned] = [all.map(({ refusedAfterMs }) => refusedAfterMs), all.map(({ returnedAfterMs }) => returnedAfterMs)];
    const stale = all.reduce((sum, one) => sum + one.stale, 0);
    const spread = (values: readonly number[]): string => `p50 ${quantile(values, 0.5).toFixed(1)}, p99 ${quantile(values, 0.99).toFixed(1)}, most ${Math.max(...values).toFixed(1)} ms`;
    this.tell(`${String(all.length)} revocations: refused elsewhere after ${spread(refused)}; returned after ${spread(returned)}; ${String(stale)} stale`);
    Object.assign(this.figures, { revocation_p99_ms: quantile(refused, 0.99), revocation_returned_p99_ms: quantile(returned, 0.99), revocation_stale: stale } satisfies IdentityFigures);
  }

  /** Bare before and after each round here too. */
  private async signIns(): Promise<void> {
    const { rounds, signIns } = this.scale;
    const [rates, ratios, delays]: [number[], number[], number[]] = [[], [], []];
    const cores = new BareCores();
    try {
      await edgeSignIns(this.stack, WARM_UP_PASSWORDS);
      await cores.perSecond(WARM_UP_PASSWORDS);
      for (let round = 1; round <= rounds; round++) {
        const before = await cores.perSecond(signIns / 2);
        const { perSecond, loopDelayP99Ms } = await edgeSignIns(this.stack, signIns);
        const after = await cores.perSecond(signIns / 2);
        rates.push(perSecond);
        ratios.push((2 * perSecond) / (before + after));
        delays.push(loopDelayP99Ms);
        this.tell(`round ${round}: ${perSecond.toFixed(2)} sign-ins/s over HTTPS, bare ${before.toFixed(2)} and ${after.toFixed(2)}, identity's event loop p99 ${loopDelayP99Ms.toFixed(1)} ms`);
      }
    } finally {
      await cores.close();
    }
    Object.assign(this.figures, { edge_sign_in_per_s: median(rates), edge_sign_in_vs_bare: median(ratios), identity_loop_delay_p99_ms: Math.max(...delays) } satisfies IdentityFigures);
  }

  private tell(line: string): void {
    this.rounds.push(line);
    this.say(line);
  }
}
