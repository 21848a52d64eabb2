import { RELEASE_ASKED_MS, type HoldScopeView, type HoldView } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Hold } from '@countersign/retention-rules';
import { scopeOf } from '../domain/hold.js';
import { RetentionFault } from '../domain/retention-fault.js';

interface HoldRow {
  readonly hold_id: string;
  readonly organization: string;
  readonly matter: string;
  readonly scope: HoldScopeView;
  readonly custodian: string | null;
  readonly reason: string;
  readonly placed_by: string;
  readonly placed_at: Date;
  readonly release_asked_by: string | null;
  readonly release_asked_at: Date | null;
  readonly released_by: string | null;
  readonly released_at: Date | null;
}

const COLUMNS = 'hold_id, organization, matter, scope, custodian, reason, placed_by, placed_at, release_asked_by, release_asked_at, released_by, released_at';
const nameOf = (organization: string | undefined): string => organization ?? '';

export class HoldRows {
  constructor(readonly pool: Pool) {}

  /** Of this organisation, or (undefined) of the installation. */
  async find(organization: string | undefined, holdId: string, now: Date): Promise<HoldView | undefined> {
    const { rows } = await this.pool.query<HoldRow>(`SELECT ${COLUMNS} FROM holds WHERE organization = $1 AND hold_id = $2`, [nameOf(organization), holdId]);
    return rows[0] && viewOf(rows[0], now);
  }

  async list(organization: string | undefined, page: { readonly after: string | undefined; readonly limit: number; readonly releasedToo: boolean }, now: Date): Promise<HoldView[]> {
    const { rows } = await this.pool.query<HoldRow>(
      `SELECT ${COLUMNS} FROM holds WHERE organization = $1 AND hold_id > $2 AND ($3 OR released_at IS NULL) ORDER BY hold_id LIMIT $4`,
      [nameOf(organization), page.after ?? '', page.releasedToo, page.limit],
    );
    return rows.map((row) => viewOf(row, now));
  }

  /** In force, or released since: what the rules are about. Of an organisation and the installation; undefined: of all. */
  async rules(releasedSince: Date, organization?: string): Promise<Hold[]> {
    const { rows } = await this.pool.query<HoldRow>(`SELECT ${COLUMNS} FROM holds WHERE (released_at IS NULL OR released_at > $1) AND ($2::text IS NULL OR organization IN ('', $2))`, [releasedSince, organization ?? null]);
    return rows.map(({ hold_id: id, organization: name, scope, placed_at, released_at }) => ({
      id,
      ...(name === '' ? {} : { organization: name }),
      scope: scopeOf(scope),
      placedMs: placed_at.getTime(),
      ...(released_at === null ? {} : { releasedMs: released_at.getTime() }),
    }));
  }
}

function viewOf(row: HoldRow, now: Date): HoldView {
  const { release_asked_at: asked, released_at: released } = row;
  const isAsked = asked !== null && now.getTime() < asked.getTime() + RELEASE_ASKED_MS;
  return {
    holdId: row.hold_id,
    organization: row.organization === '' ? undefined : row.organization,
    matter: row.matter,
    scope: row.scope,
    custodian: row.custodian ?? undefined,
    reason: row.reason,
    state: released !== null ? 'released' : isAsked ? 'release-asked' : 'in-force',
    placedBy: row.placed_by,
    placedAt: row.placed_at.toISOString(),
    releaseAskedBy: row.release_asked_by ?? undefined,
    releaseAskedAt: asked?.toISOString(),
    releasedBy: row.released_by ?? undefined,
    releasedAt: released?.toISOString(),
  };
}

export interface NewHold extends Pick<HoldView, 'holdId' | 'matter' | 'scope' | 'custodian' | 'reason' | 'placedBy'> {
  readonly organization: string | undefined;
}

/** Throws HOLDS_TOO_MANY. */
export async function insertHold(client: PoolClient, { holdId, organization, matter, scope, custodian, reason, placedBy }: NewHold, now: Date, countMax: number): Promise<void> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM holds WHERE organization = $1 AND released_at IS NULL', [nameOf(organization)]);
  if (Number(rows[0]!.count) >= countMax) throw new RetentionFault('HOLDS_TOO_MANY', `${countMax} holds are in force already`);
  await client.query(
    'INSERT INTO holds (hold_id, organization, matter, scope, custodian, reason, placed_by, placed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [holdId, nameOf(organization), matter, scope, custodian ?? null, reason, placedBy, now],
  );
}

/** `by` undefined: nobody asks for its release any more. */
export async function askRelease(client: PoolClient, holdId: string, by: string | undefined, now: Date): Promise<void> {
  await client.query('UPDATE holds SET release_asked_by = $2, release_asked_at = $3 WHERE hold_id = $1', [holdId, by ?? null, by === undefined ? null : now]);
}

export async function releaseHold(client: PoolClient, holdId: string, by: string, now: Date): Promise<void> {
  await client.query('UPDATE holds SET released_by = $2, released_at = $3 WHERE hold_id = $1', [holdId, by, now]);
}
