import type { SecretSource } from './held-secret.js';
import { SecretFault, type SecretFaultCode } from './secret-fault.js';
import { checkReading } from './secret-provider.js';

/** What is known of one configured secret without showing it. */
export interface SecretCheck {
  readonly name: string;
  readonly provider: string;
  readonly found: boolean;
  readonly code?: SecretFaultCode;
  readonly message?: string;
  readonly version?: string;
  /** When the value was put there, where the provider knows it; Unix time, milliseconds. */
  readonly changedAtMs?: number;
  readonly ageMs?: number;
  readonly warning?: string;
}

/** Reads every configured secret once and forgets it. Never throws: what is wrong is in the rows. */
export async function secretsCheck(sources: Readonly<Record<string, SecretSource>>, nowMs: number): Promise<readonly SecretCheck[]> {
  return Promise.all(Object.entries(sources).map(([name, source]) => checkOne(name, source, nowMs)));
}

async function checkOne(name: string, { provider, location }: SecretSource, nowMs: number): Promise<SecretCheck> {
  try {
    const { value, version, changedAtMs, warning } = checkReading(await provider.read(location));
    value.fill(0);
    return { name, provider: provider.name, found: true, version, changedAtMs, ...(changedAtMs === undefined ? {} : { ageMs: nowMs - changedAtMs }), warning };
  } catch (error) {
    const code = error instanceof SecretFault ? error.code : 'SECRET_PROVIDER_UNAVAILABLE';
    return { name, provider: provider.name, found: false, code, message: error instanceof SecretFault ? error.message : 'cannot be read' };
  }
}
