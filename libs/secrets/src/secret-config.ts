import { ConfigError, parseConfig, type BadVariable, type Environment } from '@countersign/runtime';
import { openVault, readVaultOptions } from '@countersign/vault';
import { z } from 'zod';
import { AwsProvider } from './aws-provider.js';
import { EnvProvider } from './env-provider.js';
import { FileProvider } from './file-provider.js';
import type { SecretSource } from './held-secret.js';
import { SecretFault } from './secret-fault.js';
import type { SecretProvider } from './secret-provider.js';
import { VaultProvider } from './vault-provider.js';

const schema = z.object({
  /** Where `…_SECRET` variables point. */
  COUNTERSIGN_SECRETS_PROVIDER: z.enum(['aws', 'vault']).optional(),
  /** Of Secrets Manager. */
  COUNTERSIGN_SECRETS_AWS_REGION: z.string().optional(),
  /** Of a Secrets Manager that is not AWS. */
  COUNTERSIGN_SECRETS_AWS_ENDPOINT: z.url().optional(),
  /** Of the KV store (version 2) in the Vault. */
  COUNTERSIGN_SECRETS_VAULT_MOUNT: z.string().default('secret'),
  /** Only `development` allows secrets in the environment. */
  COUNTERSIGN_ENVIRONMENT: z.enum(['production', 'development']).default('production'),
});

/** A secret of a service; the variables that may point to it begin with its name. */
export interface SecretName {
  readonly name: string;
  readonly isOptional?: boolean;
}

/** Where a configured secret lies: a file's path, a name at the manager, or a variable. */
interface Place {
  readonly name: string;
  readonly kind: 'file' | 'manager' | 'env';
  readonly location: string;
}

/**
 * Sources of a service's secrets, from its environment: `NAME_FILE` (a file), `NAME_SECRET` (a name at the secrets manager) or,
 * in development, `NAME` itself. Optional secrets that are not configured are left out.
 * @throws {ConfigError} naming every variable that is missing or one too many
 * @throws {SecretFault} SECRET_ENV_FORBIDDEN
 */
export function readSecretSources(env: Environment, names: readonly SecretName[]): Readonly<Record<string, SecretSource>> {
  const config = parseConfig(schema, env);
  const bad: BadVariable[] = [];
  const places = names.flatMap((one) => placeOf(env, one, bad));
  const needsManager = places.some(({ kind }) => kind === 'manager');
  if (needsManager && config.COUNTERSIGN_SECRETS_PROVIDER === undefined) bad.push({ name: 'COUNTERSIGN_SECRETS_PROVIDER', problem: 'is missing' });
  if (bad.length > 0) throw new ConfigError(bad);
  const isDevelopment = config.COUNTERSIGN_ENVIRONMENT === 'development';
  const inEnv = places.find(({ kind }) => kind === 'env');
  if (inEnv !== undefined && !isDevelopment) {
    throw new SecretFault('SECRET_ENV_FORBIDDEN', `${inEnv.name} is in the environment, which is allowed in development only: use ${inEnv.name}_FILE or ${inEnv.name}_SECRET`);
  }
  const providers: Record<Place['kind'], SecretProvider | undefined> = {
    file: new FileProvider(),
    env: new EnvProvider(env, isDevelopment),
    manager: needsManager ? openManager(env, config) : undefined,
  };
  return Object.fromEntries(places.map(({ name, kind, location }) => [name, { provider: providers[kind]!, location }]));
}

// What a renewal that failed leads to is told by the reading that fails for it.
const ignoreRenewal = (): void => undefined;

function placeOf(env: Environment, { name, isOptional }: SecretName, bad: BadVariable[]): Place[] {
  const given = [
    { name, kind: 'file' as const, variable: `${name}_FILE` },
    { name, kind: 'manager' as const, variable: `${name}_SECRET` },
    { name, kind: 'env' as const, variable: name },
  ].flatMap(({ variable, ...place }) => {
    const value = env[variable];
    return value === undefined || value === '' ? [] : [{ ...place, variable, location: place.kind === 'env' ? variable : value }];
  });
  if (given.length > 1) bad.push({ name: given[1]!.variable, problem: `is set beside ${given[0]!.variable}: only one of them can be meant` });
  if (given.length === 0 && isOptional !== true) bad.push({ name: `${name}_FILE`, problem: 'is missing' });
  return given.slice(0, 1);
}

function openManager(env: Environment, config: z.output<typeof schema>): SecretProvider {
  if (config.COUNTERSIGN_SECRETS_PROVIDER === 'vault') return new VaultProvider(openVault({ ...readVaultOptions(env), onError: ignoreRenewal }), config.COUNTERSIGN_SECRETS_VAULT_MOUNT);
  const region = config.COUNTERSIGN_SECRETS_AWS_REGION;
  if (region === undefined) throw new ConfigError([{ name: 'COUNTERSIGN_SECRETS_AWS_REGION', problem: 'is missing' }]);
  return new AwsProvider({ region, endpoint: config.COUNTERSIGN_SECRETS_AWS_ENDPOINT });
}
