import { randomBytes } from 'node:crypto';
import { VaultRefusal } from './vault-refusal.js';

interface Token {
  readonly ttlSeconds: number;
  readonly renewable: boolean;
  endsAtMs: number;
}

/** Tokens and logins of Vault. */
export class VaultTokens {
  private readonly tokens = new Map<string, Token>();
  /** Of tokens that logins give out; 0 for ever. */
  ttlSeconds = 3_600;
  readonly roleId = 'a1b2c3d4-role';
  secretId = 'secret-id-1';
  readonly kubernetes = { role: 'countersign', jwt: 'eyJ.fixture.jwt' };
  renewals = 0;
  logins = 0;

  issue(ttlSeconds = this.ttlSeconds, renewable = true): string {
    const token = `hvs.${randomBytes(18).toString('base64url')}`;
    this.tokens.set(token, { ttlSeconds, renewable, endsAtMs: endOf(ttlSeconds) });
    return token;
  }

  revokeAll(): void {
    this.tokens.clear();
  }

  check(token: string | undefined): Token {
    const known = this.tokens.get(token ?? '');
    if (known === undefined || known.endsAtMs <= Date.now()) throw new VaultRefusal(403, 'permission denied', 'invalid token');
    return known;
  }

  login(mount: string, input: { readonly role_id?: string; readonly secret_id?: string; readonly role?: string; readonly jwt?: string }): object {
    if (mount === 'approle') {
      if (input.role_id !== this.roleId || input.secret_id !== this.secretId) throw new VaultRefusal(400, 'invalid role or secret ID');
    } else if (mount === 'kubernetes') {
      if (input.role !== this.kubernetes.role || input.jwt !== this.kubernetes.jwt) throw new VaultRefusal(403, 'permission denied');
    } else throw new VaultRefusal(403, 'permission denied');
    this.logins += 1;
    return this.auth(this.issue());
  }

  renew(token: string): object {
    const known = this.check(token);
    if (!known.renewable) throw new VaultRefusal(400, 'lease is not renewable');
    known.endsAtMs = endOf(known.ttlSeconds);
    this.renewals += 1;
    return this.auth(token);
  }

  lookup(token: string): object {
    const { ttlSeconds, renewable, endsAtMs } = this.check(token);
    return { id: token, ttl: ttlSeconds === 0 ? 0 : Math.ceil((endsAtMs - Date.now()) / 1_000), creation_ttl: ttlSeconds, renewable };
  }

  private auth(token: string): object {
    const { ttlSeconds, renewable } = this.tokens.get(token)!;
    return { client_token: token, lease_duration: ttlSeconds, renewable, policies: ['default', 'countersign'] };
  }
}

const endOf = (ttlSeconds: number): number => (ttlSeconds === 0 ? Number.POSITIVE_INFINITY : Date.now() + ttlSeconds * 1_000);
