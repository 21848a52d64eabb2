import { parseConfig, type Environment, type Logger } from '@countersign/runtime';
import { openVault, readVaultOptions, type VaultOptions } from '@countersign/vault';
import { z } from 'zod';
import { AwsKmsRootKey } from './aws-kms-root-key.js';
import type { RootKeyProvider } from './root-key-provider.js';
import { SealedFileRootKey } from './sealed-file-root-key.js';
import { VaultRootKey } from './vault-root-key.js';

const file = z.object({
  /** Folder of the sealed root key. */
  KEYS_ROOT_DIR: z.string(),
  /** The key that seals it where there is no passphrase. Default: beside it. */
  KEYS_ROOT_SEALING_KEY_PATH: z.string().optional(),
});
const kms = z.object({
  /** The key that wraps; it stays in the KMS. */
  KEYS_ROOT_KMS_ARN: z.string(),
  /** Keys before it, separated by commas: what they wrapped is still read. */
  KEYS_ROOT_KMS_PREVIOUS_ARNS: z.string().default(''),
  /** Of the KMS. */
  KEYS_ROOT_KMS_REGION: z.string(),
  /** Of a KMS that is not AWS. */
  KEYS_ROOT_KMS_ENDPOINT: z.url().optional(),
});
const vault = z.object({
  /** Name of the key of its transit engine; it stays in the Vault. */
  KEYS_ROOT_VAULT_KEY: z.string(),
  /** Of the transit engine. */
  KEYS_ROOT_VAULT_MOUNT: z.string().default('transit'),
});
const choice = z.object({
  /** Where the key of all keys is. */
  KEYS_ROOT_PROVIDER: z.enum(['file', 'aws-kms', 'vault']).default('file'),
});

export type RootKeyConfig =
  | { readonly provider: 'file'; readonly dir: string; readonly keyPath: string | undefined }
  | { readonly provider: 'aws-kms'; readonly keyArn: string; readonly previousKeyArns: readonly string[]; readonly region: string; readonly endpoint: string | undefined }
  | { readonly provider: 'vault'; readonly key: string; readonly mount: string; readonly vault: Omit<VaultOptions, 'onError'> };

/** Throws ConfigError that names variables, never their values. Passphrases are secrets and come through libs/secrets. */
export function readRootKeyConfig(env: Environment): RootKeyConfig {
  const { KEYS_ROOT_PROVIDER: provider } = parseConfig(choice, env);
  if (provider === 'file') {
    const { KEYS_ROOT_DIR: dir, KEYS_ROOT_SEALING_KEY_PATH: keyPath } = parseConfig(file, env);
    return { provider, dir, keyPath };
  }
  if (provider === 'vault') {
    const config = parseConfig(vault, env);
    return { provider, key: config.KEYS_ROOT_VAULT_KEY, mount: config.KEYS_ROOT_VAULT_MOUNT, vault: readVaultOptions(env) };
  }
  const config = parseConfig(kms, env);
  const previousKeyArns = config.KEYS_ROOT_KMS_PREVIOUS_ARNS.split(',').filter((arn) => arn !== '');
  return { provider, keyArn: config.KEYS_ROOT_KMS_ARN, previousKeyArns, region: config.KEYS_ROOT_KMS_REGION, endpoint: config.KEYS_ROOT_KMS_ENDPOINT };
}

export interface OpenRootKeyOptions {
  /** For a sealed file: see SealedFileRootKeyOptions. */
  readonly mayCreate: boolean;
  readonly passphrase?: string;
  readonly previousPassphrase?: string;
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Opens the configured root key and asks its provider once, so that a wrong one stops the start. Throws SealedFileError, RootKeyFault, VaultError. */
export async function openRootKey(config: RootKeyConfig, options: OpenRootKeyOptions): Promise<{ readonly rootKey: RootKeyProvider; readonly close: () => void }> {
  const opened = await openOne(config, options);
  try {
    await opened.rootKey.describe();
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

async function openOne(config: RootKeyConfig, options: OpenRootKeyOptions) {
  if (config.provider === 'file') return { rootKey: await SealedFileRootKey.open({ ...options, dir: config.dir, keyPath: config.keyPath }), close: () => undefined };
  if (config.provider === 'aws-kms') {
    const rootKey = new AwsKmsRootKey(config);
    return { rootKey, close: () => rootKey.close() };
  }
  const client = openVault({ ...config.vault, onError: (error) => options.log.warn({ err: error }, 'the Vault token was not renewed') });
  return { rootKey: new VaultRootKey({ vault: client, key: config.key, mount: config.mount, now: options.now }), close: () => client.close() };
}
