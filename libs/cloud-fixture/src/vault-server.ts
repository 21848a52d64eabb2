import { FaultSwitch } from './fault-switch.js';
import { startHttp, type Answer, type Exchange, type Tls } from './http-server.js';
import { KeyValue } from './key-value.js';
import { Transit } from './transit.js';
import { VaultRefusal } from './vault-refusal.js';
import { VaultTokens } from './vault-tokens.js';

/** Vault's HTTP API on a local address: tokens, AppRole and Kubernetes logins, `transit/`, `secret/` (KV version 2). */
export interface VaultFixture {
  readonly url: string;
  readonly faults: FaultSwitch;
  readonly tokens: VaultTokens;
  readonly transit: Transit;
  readonly kv: KeyValue;
  close(): Promise<void>;
}

const refusal = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });

/** @param options.namespace the only one whose requests are answered; none by default */
export async function startVault(options: { readonly namespace?: string; readonly tls?: Tls } = {}): Promise<VaultFixture> {
  const [faults, tokens, transit, kv] = [new FaultSwitch(), new VaultTokens(), new Transit(), new KeyValue()];
  const answer = (exchange: Exchange): Answer => {
    try {
      if (exchange.headers['x-vault-namespace'] !== options.namespace) throw new VaultRefusal(403, 'permission denied');
      return route(exchange, { tokens, transit, kv });
    } catch (error) {
      return error instanceof VaultRefusal ? refusal(error.status, ...error.reasons) : refusal(500, 'internal error');
    }
  };
  const refusals = { denied: refusal(403, 'permission denied'), error: refusal(500, 'internal error'), throttled: refusal(429, 'request path "transit": rate limit quota exceeded') };
  const { url, close } = await startHttp({ faults, answer, refusals, contentType: 'application/json', tls: options.tls });
  return { url, close, faults, tokens, transit, kv };
}

function route(exchange: Exchange, { tokens, transit, kv }: Pick<VaultFixture, 'tokens' | 'transit' | 'kv'>): Answer {
  const path = exchange.path.replace(/^\/v1\//, '');
  const input = exchange.body.length === 0 ? {} : (JSON.parse(exchange.body.toString('utf8')) as object);
  const login = /^auth\/([^/]+)\/login$/.exec(path);
  if (login !== null) return { status: 200, body: { auth: tokens.login(login[1]!, input) } };
  const token = String(exchange.headers['x-vault-token'] ?? '');
  tokens.check(token);
  if (path === 'auth/token/lookup-self') return { status: 200, body: { data: tokens.lookup(token) } };
  if (path === 'auth/token/renew-self') return { status: 200, body: { auth: tokens.renew(token) } };
  const [mount, operation = '', ...rest] = path.split('/');
  if (mount === 'transit') return { status: 200, body: { data: transit.answer(operation, rest.join('/'), input) } };
  if (mount === 'secret' && operation === 'data') {
    const { status, data } = kv.answer(rest.join('/'));
    return { status, body: { data } };
  }
  throw new VaultRefusal(404);
}
