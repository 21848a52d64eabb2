import type { Agent } from 'node:https';
import { Account, Browser, browserAgent, Platform, startTestStack, type Devstack, type Edge } from '@countersign/devstack';
import { createPool } from '@countersign/postgres';
import type pg from 'pg';

const USERS = 12;

/** Everything that a sign-in passes through, as it ships, and some people with accounts. */
export interface IdentityStack {
  readonly devstack: Devstack;
  readonly platform: Platform;
  readonly edges: readonly [Edge, Edge];
  readonly pool: pg.Pool;
  readonly accounts: readonly Account[];
  /** From an address of its own: limits are of addresses. */
  readonly browser: (edge: 0 | 1) => Browser;
  stop(): Promise<void>;
}

/** PostgreSQL with fsync, nats-server, key service, identity with 600,000 iterations, ledger, two edges. What had started is stopped again when it throws. */
export async function startIdentityStack(): Promise<IdentityStack> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
  };
  try {
    const devstack = await startTestStack({ durable: true });
    started.push(() => devstack.stop());
    const platform = await Platform.open(devstack, { isFast: false });
    started.push(() => platform.stop());
    const quiet = { EDGE_LOG_LEVEL: 'warn' };
    const edges = [await platform.addEdge(quiet), await platform.addEdge(quiet)] as const;
    const agent: Agent = browserAgent(platform.ca);
    started.push(async () => agent.destroy());
    const pool = createPool({ url: devstack.databaseUrl('identity'), max: 1, applicationName: 'bench' });
    started.push(() => pool.end());
    let addresses = 0;
    const browser = (edge: 0 | 1): Browser => {
      addresses += 1;
      return new Browser({ origin: edges[edge].origin, agent, ip: `198.18.${String((addresses >> 8) & 255)}.${String(addresses & 255)}` });
    };
    const accounts = await Promise.all(Array.from({ length: USERS }, (_, at) => new Account(`bench${String(at)}@example.com`).register(browser(0))));
    return { devstack, platform, edges, pool, accounts, browser, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
