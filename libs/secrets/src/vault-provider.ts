import { VaultError, type Vault, type VaultErrorCode } from '@countersign/vault';
import { SecretFault, type SecretFaultCode } from './secret-fault.js';
import { fieldOf, parseLocation, type SecretProvider, type SecretReading } from './secret-provider.js';

const DEFAULT_FIELD = 'value';

const CODES: Readonly<Record<VaultErrorCode, SecretFaultCode>> = {
  VAULT_NOT_FOUND: 'SECRET_NOT_FOUND',
  VAULT_DENIED: 'SECRET_DENIED',
  VAULT_REFUSED: 'SECRET_DENIED',
  VAULT_UNAVAILABLE: 'SECRET_PROVIDER_UNAVAILABLE',
  // A credential file that is being replaced is not there for a moment.
  VAULT_MISCONFIGURED: 'SECRET_PROVIDER_UNAVAILABLE',
};

interface Answer {
  readonly data?: unknown;
  readonly metadata?: { readonly version?: number; readonly created_time?: string };
}

/** The KV engine, version 2, of Vault or OpenBao. A location is a path, with `#field` for another field than `value`. */
export class VaultProvider implements SecretProvider {
  readonly name = 'vault';

  /** @param mount where the engine is mounted */
  constructor(
    private readonly vault: Vault,
    private readonly mount = 'secret',
  ) {}

  async read(location: string): Promise<SecretReading> {
    const { path, field } = parseLocation(location);
    const { data, metadata } = (await this.ask(path)) as Answer;
    const changedAtMs = Date.parse(metadata?.created_time ?? '');
    return {
      value: fieldOf(data, field ?? DEFAULT_FIELD),
      version: metadata?.version === undefined ? undefined : String(metadata.version),
      ...(Number.isNaN(changedAtMs) ? {} : { changedAtMs }),
    };
  }

  close(): void {
    this.vault.close();
  }

  private async ask(path: string): Promise<unknown> {
    try {
      return (await this.vault.call('GET', `${this.mount}/data/${path.split('/').map(encodeURIComponent).join('/')}`)) ?? {};
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      throw new SecretFault(CODES[error.code], `was not handed out by Vault (${error.code})`);
    }
  }
}
