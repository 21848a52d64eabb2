import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { VaultError } from './vault-error.js';
import { VaultHttp, type VaultCall } from './vault-http.js';
import { VaultSession, type VaultAuth } from './vault-session.js';

const TIMEOUT_MS = 3_000;
const ATTEMPTS_MAX = 3;
const RETRY_PAUSE_MS = 100;

export interface VaultOptions {
  /** Of Vault or OpenBao, such as `https://vault.example:8200`. Plain HTTP for this machine only (an agent beside the service). */
  readonly address: string;
  readonly auth: VaultAuth;
  readonly namespace?: string;
  /** PEM. Default: the authorities that Node trusts. */
  readonly caFile?: string;
  /** For one attempt. Default 3 s. */
  readonly timeoutMs?: number;
  /** Told when a token could not be renewed; a new login follows. */
  readonly onError: (error: unknown) => void;
}

/** A client of the HTTP API of Vault and OpenBao. */
export interface Vault {
  /**
   * The answer's `data`. Tried up to three times while Vault is away; once more with a new token when it refused the old one.
   * Throws VaultError.
   */
  call(method: VaultCall['method'], path: string, body?: object): Promise<unknown>;
  close(): void;
}

/** Opens a client; logs in at the first call. Throws VaultError VAULT_MISCONFIGURED. */
export function openVault(options: VaultOptions): Vault {
  const ca = options.caFile === undefined ? undefined : readCa(options.caFile);
  const http = new VaultHttp(options.address, { ca, namespace: options.namespace, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
  const session = new VaultSession(http, options.auth, options.onError);
  const callOnce = async (call: VaultCall): Promise<unknown> => {
    const token = await session.token();
    try {
      return (await http.call({ ...call, token })).data;
    } catch (error) {
      const isDenied = error instanceof VaultError && error.code === 'VAULT_DENIED';
      // It may have ended or been revoked. If the new one is refused too, it is the policy.
      if (!isDenied || !(await session.refused(token))) throw error;
      return (await http.call({ ...call, token: await session.token() })).data;
    }
  };
  return {
    call: (method, path, body) => persistently(() => callOnce({ method, path, body })),
    close: () => {
      session.close();
      http.close();
    },
  };
}

async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isAway = error instanceof VaultError && error.code === 'VAULT_UNAVAILABLE';
      if (!isAway || attempts === ATTEMPTS_MAX) throw error;
      // Jitter: services that saw one outage together must not come back together.
      await sleep(RETRY_PAUSE_MS * 2 ** attempts * (0.5 + Math.random()));
    }
  }
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new VaultError('VAULT_MISCONFIGURED', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}
