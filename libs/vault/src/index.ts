export { readVaultOptions } from './vault-config.js';
export { openVault, type Vault, type VaultOptions } from './vault.js';
export type { VaultAuth } from './vault-session.js';
export { VaultError, type VaultErrorCode } from './vault-error.js';
