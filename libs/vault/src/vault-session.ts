import { readFile } from 'node:fs/promises';
import { VaultError } from './vault-error.js';
import type { VaultHttp } from './vault-http.js';

const KUBERNETES_JWT_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';
const CREDENTIAL_BYTES_MAX = 65_536;
const RENEW_AT_SHARE = 2 / 3;
const RENEW_PAUSE_MS_MIN = 1_000;
const TIMER_MS_MAX = 2_147_483_647;

/** How a token is had. Files are read again at every login: whoever writes them rotates them. */
export type VaultAuth =
  /** A token that somebody else (Vault Agent, an operator) puts there. */
  | { readonly kind: 'token-file'; readonly path: string }
  | { readonly kind: 'approle'; readonly roleId: string; readonly secretIdFile: string; readonly mount?: string }
  | { readonly kind: 'kubernetes'; readonly role: string; readonly jwtFile?: string; readonly mount?: string };

interface Lease {
  readonly token: string;
  /** Milliseconds; 0 for a token that does not end. */
  readonly ttlMs: number;
  readonly isRenewable: boolean;
}

/** A token that is renewed before it ends, and had anew when it cannot be renewed. */
export class VaultSession {
  private lease: Lease | undefined;
  private loggingIn: Promise<Lease> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly http: VaultHttp,
    private readonly auth: VaultAuth,
    private readonly onError: (error: unknown) => void,
  ) {}

  async token(): Promise<string> {
    return (this.lease ?? (await this.login())).token;
  }

  /** Tells that `token` was refused. True when there is another one to try. */
  async refused(token: string): Promise<boolean> {
    if (this.lease?.token === token) this.lease = undefined;
    return (await this.token()) !== token;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private login(): Promise<Lease> {
    this.loggingIn ??= this.loginOnce()
      .then((lease) => this.hold(lease))
      .finally(() => {
        this.loggingIn = undefined;
      });
    return this.loggingIn;
  }

  private async loginOnce(): Promise<Lease> {
    const { auth } = this;
    if (auth.kind === 'token-file') {
      const token = await readCredential(auth.path);
      const { data } = await this.http.call({ method: 'GET', path: 'auth/token/lookup-self', token });
      const { ttl, renewable } = data as { ttl?: number; renewable?: boolean };
      return { token, ttlMs: (ttl ?? 0) * 1_000, isRenewable: renewable === true };
    }
    const path = `auth/${auth.mount ?? auth.kind}/login`;
    const body =
      auth.kind === 'approle'
        ? { role_id: auth.roleId, secret_id: await readCredential(auth.secretIdFile) }
        : { role: auth.role, jwt: await readCredential(auth.jwtFile ?? KUBERNETES_JWT_FILE) };
    const answer = await this.http.call({ method: 'POST', path, body }).catch((error: unknown) => {
      // Vault says 400 for credentials that are wrong: to whoever asks for data that is a denial.
      throw error instanceof VaultError && error.code === 'VAULT_REFUSED' ? new VaultError('VAULT_DENIED', error.message, error.reasons) : error;
    });
    return leaseOf(path, answer.auth);
  }

  private hold(lease: Lease): Lease {
    this.lease = lease;
    clearTimeout(this.timer);
    if (lease.ttlMs === 0 || this.isClosed) return lease;
    const pauseMs = Math.min(Math.max(lease.ttlMs * RENEW_AT_SHARE, RENEW_PAUSE_MS_MIN), TIMER_MS_MAX);
    this.timer = setTimeout(() => void this.renew(lease).catch(this.onError), pauseMs).unref();
    return lease;
  }

  private async renew(lease: Lease): Promise<void> {
    if (lease.isRenewable) {
      const renewed = await this.http.call({ method: 'POST', path: 'auth/token/renew-self', token: lease.token, body: {} }).then(
        ({ auth }) => leaseOf('auth/token/renew-self', auth),
        (error: unknown) => void this.onError(error),
      );
      // Near its greatest age a token is renewed for ever shorter times.
      if (renewed !== undefined && renewed.ttlMs >= lease.ttlMs * RENEW_AT_SHARE) return void this.hold(renewed);
    }
    if (this.isClosed) return;
    this.lease = undefined;
    await this.login();
  }
}

function leaseOf(path: string, auth: unknown): Lease {
  const { client_token: token, lease_duration: seconds, renewable } = (auth ?? {}) as { client_token?: unknown; lease_duration?: unknown; renewable?: unknown };
  if (typeof token !== 'string' || typeof seconds !== 'number') throw new VaultError('VAULT_UNAVAILABLE', `${path}: the answer has no token`);
  return { token, ttlMs: seconds * 1_000, isRenewable: renewable === true };
}

async function readCredential(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new VaultError('VAULT_MISCONFIGURED', `${path} cannot be read (${error.code ?? 'unknown'})`);
  });
  const credential = text.trim();
  if (credential === '' || text.length > CREDENTIAL_BYTES_MAX) throw new VaultError('VAULT_MISCONFIGURED', `${path} holds no credential`);
  return credential;
}
