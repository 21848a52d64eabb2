import { connectBus } from '@countersign/bus';
import type { RequestContext } from '@countersign/contracts';
import { IdentityClient, SessionCache } from '@countersign/identity-client';
import { setTimeout as sleep } from 'node:timers/promises';
import { rateOf } from '../measure/rate.js';
import { quantile } from '../quantile.js';
import type { IdentityStack } from './stack.js';

const BATCH = 1_000;
const SAMPLES = 200_000;
const LEASE_MS_MAX = 10_000;
const POLL_MS = 10;
const US_PER_NS = 1e-3;

export interface SessionChecks {
  readonly perSecond: number;
  readonly p99Us: number;
}

/** Checks of a session in the edge's own cache, under a lease of the real identity, by the edge's own code. */
export async function sessionChecks({ platform, accounts, browser }: IdentityStack, seconds: number): Promise<SessionChecks> {
  const { nats } = platform.stack;
  const bus = await connectBus({ url: nats.url, nkeySeedFile: nats.users.edge, name: 'edge' });
  const cache = new SessionCache({ client: new IdentityClient({ bus }), bus, onError: () => undefined });
  try {
    cache.start();
    for (const endMs = performance.now() + LEASE_MS_MAX; !cache.isTrusted(); await sleep(POLL_MS)) if (performance.now() > endMs) throw new Error('no lease');
    const signedIn = browser(0);
    await accounts[0]!.signIn(signedIn);
    const context: RequestContext = { ip: '198.18.0.1', userAgent: 'bench', correlationId: 'bench', session: signedIn.cookies.get('__Host-session')! };
    await cache.check(context);
    const { perSecond } = await rateOf(seconds, async () => {
      for (let at = 0; at < BATCH; at += 1) await cache.check(context);
      return BATCH;
    });
    return { perSecond, p99Us: await p99Us(cache, context) };
  } finally {
    await cache.close();
    await bus.close();
  }
}

/** The clock's own time counts too. What is kept ends every ten seconds: the question to identity then is among the samples. */
async function p99Us(cache: SessionCache, context: RequestContext): Promise<number> {
  const taken: number[] = [];
  while (taken.length < SAMPLES) {
    for (let at = 0; at < BATCH; at += 1) {
      const startNs = process.hrtime.bigint();
      await cache.check(context);
      taken.push(Number(process.hrtime.bigint() - startNs) * US_PER_NS);
    }
    await sleep(0);
  }
  return quantile(taken, 0.99);
}
