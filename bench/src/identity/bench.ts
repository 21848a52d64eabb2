import { median } from '../quantile.js';
import type { IdentityFigures } from './figures.js';
import type { IdentityScale } from './options.js';
import { decisionNs, permissionCheckNs } from './permission-checks.js';
import { BareCores, openSignIns } from './sign-ins.js';

const WARM_UP_SECONDS = 0.5;
const WARM_UP_PASSWORDS = 10;

/** Runs the measurements of identity one after the other. */
export class IdentityBench {
  readonly figures: IdentityFigures = {};
  /** One line for each round of each measurement. */
  readonly rounds: string[] = [];

  constructor(
    private readonly scale: IdentityScale,
    private readonly say: (line: string) => void,
  ) {}

  async run(): Promise<void> {
    await this.permissions();
    await this.passwords();
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

  private tell(line: string): void {
    this.rounds.push(line);
    this.say(line);
  }
}
