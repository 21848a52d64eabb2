import { rateOfJobs } from './sign-ins.js';
import type { IdentityStack } from './stack.js';

const CLIENTS = 16;
const MS_PER_SECOND = 1_000;
const LAG = /^nodejs_eventloop_lag_p99_seconds\{[^}]*\} (\S+)$/m;

export interface EdgeSignIns {
  readonly perSecond: number;
  /** Of identity's event loop meanwhile, from its own metric. */
  readonly loopDelayP99Ms: number;
}

/** Whole sign-ins over HTTPS: edge, bus, identity, its database, the event on its way to the ledger. */
export async function edgeSignIns(stack: IdentityStack, count: number): Promise<EdgeSignIns> {
  // Reading it begins a new window.
  await lagMs(stack);
  let next = 0;
  const perSecond = await rateOfJobs(count, CLIENTS, async () => {
    await stack.accounts[next++ % stack.accounts.length]!.signIn(stack.browser(0));
  });
  return { perSecond, loopDelayP99Ms: await lagMs(stack) };
}

async function lagMs({ platform }: IdentityStack): Promise<number> {
  const text = await (await fetch(`${platform.identity.url}/metrics`)).text();
  const [, seconds] = LAG.exec(text) ?? [];
  if (seconds === undefined) throw new Error('identity does not tell how late its event loop is');
  return Number(seconds) * MS_PER_SECOND;
}
