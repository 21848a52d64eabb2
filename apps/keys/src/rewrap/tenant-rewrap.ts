import { setTimeout as sleep } from 'node:timers/promises';
import { TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { withTransaction, type Pool } from '@countersign/postgres';
import type { EpochFiles } from '../epoch/epoch-files.js';
import { unwrapInner, unwrapOuter, wrapInner, wrapOuter } from '../epoch/subject-wrap.js';
import { SELF, type KeyRing } from '../keyring/key-ring.js';
import type { RootKeyProvider } from '../root/root-key-provider.js';
import { countRowsUnder, lockRowsUnder, readEpoch, rewriteRows, type LiveRow } from '../store/subject-rows.js';

const BATCH_ROWS = 500;
const BUSY_PAUSE_MS = 50;

export interface RewrapDependencies {
  readonly pool: Pool;
  readonly subjectPool: Pool;
  readonly files: EpochFiles;
  readonly ring: KeyRing;
  readonly root: Pick<RootKeyProvider, 'isCurrent' | 'rewrap' | 'rootKeyOf'>;
  readonly now: () => number;
  readonly rowsPerSecondMax: number;
  /**
   * An instance may wrap under a tenant key for so long after it was rotated: a count before that proves nothing. Longer
   * than tenant keys are cached.
   */
  readonly settleMs: number;
  readonly isStopping: () => boolean;
}

interface OldVersion {
  readonly tenant: string;
  readonly keyId: string;
  readonly version: number;
  /** When it ceased to be the active one. */
  readonly rotatedAt: Date;
}

/**
 * Brings everything that lies under an older version of a tenant key under the active one, in resumable batches, counts
 * what is left, and retires the version at a count of zero. How many versions were retired.
 */
export async function rewrapAll(deps: RewrapDependencies): Promise<number> {
  let retired = 0;
  await rewrapTenantKeys(deps);
  for (const old of await oldVersions(deps.pool)) {
    if (deps.isStopping()) break;
    await rewrapKeys(deps, old);
    await rewrapSubjects(deps, old);
    if (await retireIfEmpty(deps, old)) retired++;
  }
  return retired;
}

/** Tenant keys that lie under an older root key are brought under the current one; epoch keys follow with the next roll. */
async function rewrapTenantKeys({ pool, root, isStopping }: RewrapDependencies): Promise<void> {
  const { rows } = await pool.query<{ tenant: string; keyId: string; wrapped: string }>(
    'SELECT tenant, key_id AS "keyId", wrapped FROM key_versions WHERE purpose = $1 AND wrapped IS NOT NULL',
    [TENANT_KEY_PURPOSE],
  );
  for (const { tenant, keyId, wrapped } of rows) {
    if (isStopping()) return;
    if (await root.isCurrent(wrapped)) continue;
    const rewrapped = await root.rewrap({ use: 'tenant-key', owner: tenant, keyId }, wrapped);
    await pool.query('UPDATE key_versions SET wrapped = $2, wrapped_by = $3 WHERE key_id = $1 AND wrapped = $4', [keyId, rewrapped, root.rootKeyOf(rewrapped), wrapped]);
  }
}

async function oldVersions(pool: Pool): Promise<OldVersion[]> {
  const { rows } = await pool.query<OldVersion>(
    `SELECT old.tenant, old.key_id AS "keyId", old.version, next.created_at AS "rotatedAt" FROM key_versions AS old
     JOIN key_versions AS next ON next.tenant = old.tenant AND next.purpose = old.purpose AND next.version = old.version + 1
     WHERE old.purpose = $1 AND old.state = 'decrypt-only' ORDER BY old.tenant, old.version`,
    [TENANT_KEY_PURPOSE],
  );
  return rows;
}

/** Few: one a purpose and version. */
async function rewrapKeys({ pool, ring, isStopping }: RewrapDependencies, { tenant, keyId: under }: OldVersion): Promise<void> {
  const { rows } = await pool.query<{ key_id: string }>('SELECT key_id FROM key_versions WHERE tenant = $1 AND wrapped_by = $2', [tenant, under]);
  for (const { key_id: keyId } of rows) {
    if (isStopping()) return;
    const { wrapped, wrappedBy } = await ring.rewrapped(keyId);
    // Only what is still there: a key that was destroyed meanwhile must not come back.
    await pool.query('UPDATE key_versions SET wrapped = $2, wrapped_by = $3 WHERE key_id = $1 AND wrapped_by = $4', [keyId, wrapped, wrappedBy, under]);
  }
}

async function rewrapSubjects(deps: RewrapDependencies, old: OldVersion): Promise<void> {
  const { subjectPool, rowsPerSecondMax, isStopping } = deps;
  while (!isStopping()) {
    const startedMs = performance.now();
    const rewrapped = await rewrapBatch(deps, old);
    if (rewrapped === 0) {
      if ((await countRowsUnder(subjectPool, old.tenant, old.keyId)) === 0) return;
      await sleep(BUSY_PAUSE_MS);
      continue;
    }
    await sleep(Math.max(0, (rewrapped / rowsPerSecondMax) * 1_000 - (performance.now() - startedMs)));
  }
}

async function rewrapBatch({ subjectPool, files, ring }: RewrapDependencies, { tenant, keyId: under }: OldVersion): Promise<number> {
  const from = await ring.unwrappingKey(under);
  const to = await ring.wrappingKey(tenant);
  return withTransaction(subjectPool, async (client) => {
    const { current } = await readEpoch(client, true);
    const rows = await lockRowsUnder(client, tenant, under, BATCH_ROWS);
    if (rows.length === 0) return 0;
    const epochKey = await files.key(current);
    const rewritten: Pick<LiveRow, 'keyId' | 'wrapped' | 'wrappedBy'>[] = [];
    for (const row of rows) {
      const named = { tenant, keyId: row.keyId };
      const bytes = unwrapInner(from, named, unwrapOuter(await files.key(row.epoch), named, row.wrapped));
      rewritten.push({ keyId: row.keyId, wrapped: wrapOuter(epochKey, named, wrapInner(to, named, bytes)), wrappedBy: to.keyId });
      bytes.fill(0);
    }
    await rewriteRows(client, current, rewritten);
    return rows.length;
  });
}

/** The scan: of both databases, whole, begun after nobody could wrap under the version any more. */
async function retireIfEmpty({ pool, subjectPool, ring, now, settleMs, isStopping }: RewrapDependencies, old: OldVersion): Promise<boolean> {
  const scannedAt = now();
  const { rows } = await pool.query<{ count: string }>('SELECT count(*) FROM key_versions WHERE tenant = $1 AND wrapped_by = $2', [old.tenant, old.keyId]);
  const remaining = Number(rows[0]!.count) + (await countRowsUnder(subjectPool, old.tenant, old.keyId));
  await pool.query('UPDATE key_versions SET remaining = $2, remaining_at = $3 WHERE key_id = $1', [old.keyId, remaining, new Date(scannedAt)]);
  if (remaining > 0 || isStopping() || scannedAt - old.rotatedAt.getTime() < settleMs) return false;
  await ring.execute({ tenant: old.tenant, purpose: TENANT_KEY_PURPOSE }, { type: 'retire-version', version: old.version, remaining, atMs: scannedAt }, SELF);
  return true;
}
