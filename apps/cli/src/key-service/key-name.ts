import { Argument } from 'commander';
import { anyPurposeSchema, tenantSchema } from '@countersign/contracts';
import { usageError } from '../exit-code.js';

export interface KeyName {
  readonly tenant: string;
  readonly purpose: string;
}

/** `<tenant>/<purpose>`, as `keys list` prints it. Throws CliError. */
export function keyNameOf(text: string): KeyName {
  const at = text.indexOf('/');
  const [tenant, purpose] = [tenantSchema.safeParse(text.slice(0, at)), anyPurposeSchema.safeParse(text.slice(at + 1))];
  if (at < 0 || !tenant.success || !purpose.success) throw usageError(`"${text}" names no key: write <tenant>/<purpose>, such as acme/ledger.quarantine`);
  return { tenant: tenant.data, purpose: purpose.data };
}

/** The argument that names a key. */
export const keyArgument = (): Argument => new Argument('<key>', 'tenant and purpose, such as acme/ledger.quarantine');

export const textOfKey = ({ tenant, purpose }: KeyName): string => `${tenant}/${purpose}`;
