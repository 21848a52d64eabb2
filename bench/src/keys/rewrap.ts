import { setTimeout as sleep } from 'node:timers/promises';
import { TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { TENANT } from './requests.js';
import type { KeysStack } from './stack.js';

const POLL_MS = 20;
const LIMIT_MS = 600_000;

/** Rows a second from the order to roll the epoch until no row lies under an older epoch key. */
export async function rollEpoch({ operator, subjectPool }: KeysStack, rows: number): Promise<number> {
  const startMs = performance.now();
  const { epoch } = (await operator.client.ask('roll-epoch', {})).result;
  await untilNone(subjectPool, 'epoch < $1', [epoch]);
  return (rows * 1000) / (performance.now() - startMs);
}

/** Rows a second from the order to rotate the tenant's key until no row lies under its older version. */
export async function rotateTenantKey({ operator, subjectPool }: KeysStack, rows: number): Promise<number> {
  const name = { tenant: TENANT, purpose: TENANT_KEY_PURPOSE };
  const { versions } = (await operator.client.ask('show', name)).result;
  const old = versions.find(({ state }) => state === 'active');
  if (old === undefined) throw new Error(`${TENANT} has no active key`);
  const startMs = performance.now();
  await operator.client.ask('rotate', name);
  await untilNone(subjectPool, 'tenant = $1 AND wrapped_by = $2', [TENANT, old.keyId]);
  return (rows * 1000) / (performance.now() - startMs);
}

async function untilNone(pool: KeysStack['subjectPool'], condition: string, values: readonly (string | number)[]): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    const { rowCount } = await pool.query(`SELECT FROM subject_keys WHERE ${condition} LIMIT 1`, [...values]);
    if (rowCount === 0) return;
    if (performance.now() > untilMs) throw new Error(`rows are not rewrapped within ${LIMIT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}
