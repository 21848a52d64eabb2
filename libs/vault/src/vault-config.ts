import { ConfigError, parseConfig, type Environment } from '@countersign/runtime';
import { z } from 'zod';
import type { VaultAuth } from './vault-session.js';
import type { VaultOptions } from './vault.js';

const schema = z.object({
  /** `https://host:port`. */
  COUNTERSIGN_VAULT_ADDRESS: z.url(),
  /** Of an enterprise edition. */
  COUNTERSIGN_VAULT_NAMESPACE: z.string().optional(),
  /** Authorities (PEM) that are trusted for it, in the place of those of the system. */
  COUNTERSIGN_VAULT_CA_FILE: z.string().optional(),
  /** Exactly one of these three says how a token is had. */
  COUNTERSIGN_VAULT_TOKEN_FILE: z.string().optional(),
  /** Login by AppRole: one of the three. */
  COUNTERSIGN_VAULT_ROLE_ID: z.string().optional(),
  /** Login by a token of the pod: one of the three. */
  COUNTERSIGN_VAULT_KUBERNETES_ROLE: z.string().optional(),
  /** With a role id. */
  COUNTERSIGN_VAULT_SECRET_ID_FILE: z.string().optional(),
  /** With a Kubernetes role. Default: the pod's own. */
  COUNTERSIGN_VAULT_JWT_FILE: z.string().optional(),
  /** Where the login is mounted. Default `approle` or `kubernetes`. */
  COUNTERSIGN_VAULT_AUTH_MOUNT: z.string().optional(),
});

/** How to reach Vault or OpenBao, for every service. Throws ConfigError. */
export function readVaultOptions(env: Environment): Omit<VaultOptions, 'onError'> {
  const config = parseConfig(schema, env);
  return {
    address: config.COUNTERSIGN_VAULT_ADDRESS,
    namespace: config.COUNTERSIGN_VAULT_NAMESPACE,
    caFile: config.COUNTERSIGN_VAULT_CA_FILE,
    auth: authOf(config),
  };
}

function authOf(config: z.output<typeof schema>): VaultAuth {
  const { COUNTERSIGN_VAULT_TOKEN_FILE: path, COUNTERSIGN_VAULT_ROLE_ID: roleId, COUNTERSIGN_VAULT_KUBERNETES_ROLE: role, COUNTERSIGN_VAULT_AUTH_MOUNT: mount } = config;
  if ([path, roleId, role].filter((one) => one !== undefined).length !== 1) {
    throw new ConfigError([{ name: 'COUNTERSIGN_VAULT_TOKEN_FILE', problem: 'or COUNTERSIGN_VAULT_ROLE_ID or COUNTERSIGN_VAULT_KUBERNETES_ROLE must be set, and only one of them' }]);
  }
  if (path !== undefined) return { kind: 'token-file', path };
  if (role !== undefined) return { kind: 'kubernetes', role, jwtFile: config.COUNTERSIGN_VAULT_JWT_FILE, mount };
  const secretIdFile = config.COUNTERSIGN_VAULT_SECRET_ID_FILE;
  if (secretIdFile === undefined) throw new ConfigError([{ name: 'COUNTERSIGN_VAULT_SECRET_ID_FILE', problem: 'is missing' }]);
  return { kind: 'approle', roleId: roleId!, secretIdFile, mount };
}
