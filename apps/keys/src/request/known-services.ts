import type { KeyObject } from 'node:crypto';
import { serviceNameSchema, tenantSchema } from '@countersign/contracts';
import { nkeyPublicKey } from '@countersign/envelope';
import { ConfigError } from '@countersign/runtime';
import { z } from 'zod';

/** A new key and the one before it, while a service's key is being replaced. */
const PUBLIC_KEYS_MAX = 2;

export interface KnownService {
  readonly publicKeys: readonly KeyObject[];
  /** Tenants that this deployment confines it to; undefined: all. */
  readonly tenants: readonly string[] | undefined;
}

export type KnownServices = ReadonlyMap<string, KnownService>;

const schema = z.record(
  serviceNameSchema,
  z.strictObject({ publicKey: z.union([z.string(), z.array(z.string()).min(1).max(PUBLIC_KEYS_MAX)]), tenants: z.array(tenantSchema).optional() }),
);

/** Reads `{"<service>": {"publicKey": "U…", "tenants": ["…"]}}`; a list of two keys while one is replaced. Throws ConfigError. */
export function readServices(text: string): KnownServices {
  try {
    const entries = Object.entries(schema.parse(JSON.parse(text)));
    return new Map(entries.map(([name, { publicKey, tenants }]) => [name, { publicKeys: [publicKey].flat().map(nkeyPublicKey), tenants }]));
  } catch {
    throw new ConfigError([{ name: 'KEYS_SERVICES_FILE', problem: 'does not hold {"<service>": {"publicKey": "U…"}}' }]);
  }
}
