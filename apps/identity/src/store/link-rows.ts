import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';

export const LINK_MS = { setup: 60 * 60_000, 'password-reset': 30 * 60_000, 'email-change': 24 * 60 * 60_000 } as const;
export type LinkPurpose = keyof typeof LINK_MS;

export interface LinkRow {
  readonly token_hash: string;
  readonly user_id: string | null;
  readonly email: string | null;
  readonly email_index: string | null;
}

export interface NewLink {
  /** SHA-256 of the token: who reads the table follows no link. */
  readonly tokenHash: string;
  readonly purpose: LinkPurpose;
  readonly userId?: string;
  readonly email?: { readonly sealed: string; readonly index: string };
}

/** Where a link leads; the token stands behind the `#`, so that no server and no log of one is told. */
const PAGES = { setup: 'setup', 'password-reset': 'reset-password', 'email-change': 'confirm-email' } as const satisfies Record<LinkPurpose, string>;

/** Links that are good once. */
export class Links {
  constructor(
    readonly pool: Pool,
    private readonly publicOrigin: string,
  ) {}

  url(purpose: LinkPurpose, token: string): string {
    return `${this.publicOrigin}/links/${PAGES[purpose]}#${token}`;
  }

  /** Throws LINK_INVALID. It is used up by `takeLink` only, with what it is for. */
  async find(tokenHash: string, purpose: LinkPurpose, now: Date): Promise<LinkRow> {
    const { rows } = await this.pool.query<LinkRow>('SELECT token_hash, user_id, email, email_index FROM one_time_links WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3', [tokenHash, purpose, now]);
    if (rows[0] === undefined) throw linkInvalid();
    return rows[0];
  }

  /** Whether there is one that is good for longer than until `at`. */
  async isPending(purpose: LinkPurpose, userId: string, at: Date): Promise<boolean> {
    return (await this.pool.query('SELECT FROM one_time_links WHERE purpose = $1 AND user_id = $2 AND expires_at > $3', [purpose, userId, at])).rowCount === 1;
  }
}

/** Voids the one before. Returns when it ends. */
export async function addLink(client: PoolClient, { tokenHash, purpose, userId, email }: NewLink, now: Date): Promise<Date> {
  const expiresAt = new Date(now.getTime() + LINK_MS[purpose]);
  await client.query(
    `INSERT INTO one_time_links (token_hash, purpose, user_id, expires_at, email, email_index) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (purpose, (coalesce(user_id, ''))) DO UPDATE SET token_hash = $1, expires_at = $4, email = $5, email_index = $6`,
    [tokenHash, purpose, userId ?? null, expiresAt, email?.sealed ?? null, email?.index ?? null],
  );
  return expiresAt;
}

/** Throws LINK_INVALID when somebody else followed it meanwhile, or a later one voided it. */
export async function takeLink(client: PoolClient, tokenHash: string): Promise<void> {
  const { rowCount } = await client.query('DELETE FROM one_time_links WHERE token_hash = $1', [tokenHash]);
  if (rowCount !== 1) throw linkInvalid();
}

/** Links to an account that were sent to an address, or under circumstances, that no longer hold. */
export async function voidLinks(client: PoolClient, userId: string, purposes: readonly LinkPurpose[]): Promise<void> {
  await client.query('DELETE FROM one_time_links WHERE user_id = $1 AND purpose = ANY($2)', [userId, purposes]);
}

const linkInvalid = (): IdentityFault => new IdentityFault('LINK_INVALID', 'the link was used, is too old, or was voided by a later one', { field: 'token' });
