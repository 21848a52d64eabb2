import { setTimeout as sleep } from 'node:timers/promises';
import { wanted, type Browser } from '@countersign/devstack';
import type { IdentityStack } from './stack.js';

const PACE_MS = 1;
/** Whether it is refused by then is not the question any more: something is broken. */
const REFUSED_MS_MAX = 10_000;
const AFTERWARDS = 3;
/** Judged by the session alone, and refused for itself: nobody but this edge is asked. */
const PROBE = '/v1/account/principal?probe=1';

export interface Revoked {
  /** From when it was asked at one edge until another one refused. */
  readonly refusedAfterMs: number;
  /** Until the call that asked it returned. */
  readonly returnedAfterMs: number;
  /** Requests begun after the call had returned, and answered as if nothing had happened. */
  readonly stale: number;
}

/** Ends a session at one edge while another one, which has it cached, is asked all the time. All of it are processes of their own. */
export async function revokeOnce({ accounts, browser }: IdentityStack, at: number): Promise<Revoked> {
  const here = browser(0);
  await accounts[at % accounts.length]!.signIn(here);
  const there = browser(1);
  for (const [name, value] of here.cookies) there.cookies.set(name, value);
  if (await isRefused(there)) throw new Error('a session was refused before it was ended');
  const asked = { atMs: Number.NaN, refusedAtMs: Number.NaN };
  const asking = askUntilRefused(there, asked);
  asked.atMs = performance.now();
  wanted(await here.post('/v1/sign-out'), 204);
  const returnedAtMs = performance.now();
  let stale = 0;
  for (let time = 0; time < AFTERWARDS; time += 1) if (!(await isRefused(there))) stale += 1;
  await asking;
  return { refusedAfterMs: asked.refusedAtMs - asked.atMs, returnedAfterMs: returnedAtMs - asked.atMs, stale };
}

async function askUntilRefused(browser: Browser, asked: { readonly atMs: number; refusedAtMs: number }): Promise<void> {
  for (const endMs = performance.now() + REFUSED_MS_MAX; performance.now() < endMs; await sleep(PACE_MS)) {
    if (!(await isRefused(browser))) continue;
    asked.refusedAtMs = performance.now();
    return;
  }
  throw new Error('an ended session is let in for ten seconds');
}

async function isRefused(browser: Browser): Promise<boolean> {
  const { json } = await browser.get(PROBE);
  if (json.code !== 'REQUEST_INVALID' && json.code !== 'UNAUTHENTICATED') throw new Error(`the edge answers ${json.code ?? 'nothing'}`);
  return json.code === 'UNAUTHENTICATED';
}
