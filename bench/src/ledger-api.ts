import { setTimeout as sleep } from 'node:timers/promises';
import { parseVkey, type Vkey } from '@countersign/chain';
import { ledgerSchema, verdictSchema, type LedgerView, type Verdict } from '@countersign/contracts';

const POLL_MS = 200;

/** What the measurements ask of the ledger by HTTP. */
export class LedgerApi {
  constructor(
    readonly url: string,
    readonly tenant: string,
  ) {}

  async view(): Promise<LedgerView> {
    return ledgerSchema.parse(await this.json(`/ledgers/${this.tenant}`));
  }

  async vkeys(): Promise<readonly Vkey[]> {
    return (await this.view()).vkeys.map(parseVkey);
  }

  /** Verifies the whole ledger afresh. Throws when it is not intact. */
  async verify(): Promise<Verdict> {
    const verdict = verdictSchema.parse(await this.json(`/ledgers/${this.tenant}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }));
    if (verdict.verdict !== 'intact') throw new Error(`the ledger is broken: ${JSON.stringify(verdict.fault)}`);
    return verdict;
  }

  /** Since the last call: how long the ledger's event loop was blocked at most, and the most that its own work took between two turns. */
  async loopMax(): Promise<{ readonly delayMs: number; readonly workMs: number }> {
    const text = await (await this.get('/metrics')).text();
    const value = (name: string): number => {
      const shown = new RegExp(`^countersign_ledger_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
      if (shown === undefined) throw new Error(`the ledger does not export ${name}`);
      return Number(shown);
    };
    return { delayMs: value('loop_delay_max_seconds') * 1000, workMs: value('loop_work_max_seconds') * 1000 };
  }

  /** Waits until checkpoint and search index have caught up. Says after `limitMs` whether they have. */
  async settle(limitMs: number): Promise<boolean> {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      const { treeSize, checkpoint, indexedSize } = await this.view();
      if (indexedSize === treeSize && (checkpoint?.treeSize ?? 0) === treeSize) return true;
      if (performance.now() > untilMs) return false;
      await sleep(POLL_MS);
    }
  }

  private async json(path: string, init?: RequestInit): Promise<unknown> {
    return (await this.get(path, init)).json();
  }

  private async get(path: string, init?: RequestInit): Promise<Response> {
    const answer = await fetch(`${this.url}${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}
