import { ConfigError } from '@countersign/runtime';
import { readConfig } from './config.js';
import { openParts } from './service-parts.js';
import { unmaskMessage } from './append/masked-events.js';
import type { LedgerKeys } from './keys/ledger-keys.js';
import { CLOSED, type OpenedPart } from './search/open-parts.js';

// For the operator: prints refused messages as they came, in the clear. Runs with the ledger's own environment and
// secrets, so that the key service authorises and audits it as the ledger.

const [, , ...refusalIds] = process.argv;

/** Personal parts of a masked event, each opened or with what speaks against it. */
async function openMasked(keys: LedgerKeys, tenant: string, body: Buffer): Promise<readonly OpenedPart[]> {
  const { id } = JSON.parse(body.toString('utf8')) as { readonly id: string };
  const { parts } = unmaskMessage(Buffer.concat([Buffer.from('['), body, Buffer.from(']')]));
  const sealed = parts.flat().map(({ bytes }) => ({ eventId: id, text: bytes.toString('latin1') }));
  return (keys.personal ?? CLOSED).open(tenant, sealed);
}

try {
  if (refusalIds.length === 0 || refusalIds.some((id) => !/^[1-9][0-9]{0,15}$/.test(id))) {
    throw new ConfigError([{ name: 'refusalId', problem: 'must be given, one or more, as GET /ledgers/<tenant>/refused lists them' }]);
  }
  const parts = await openParts({ ...readConfig(process.env), logLevel: 'silent' });
  try {
    for (const id of refusalIds) {
      const refusal = await parts.stores.kept.refusal(Number(id));
      if (refusal === undefined) throw new Error(`there is no refusal ${id}`);
      const { tenant, code, eventId, body } = refusal;
      const bytes = 'clear' in body ? body.clear : await parts.keys.bodies.open('quarantine', tenant, body);
      const personal = 'clear' in body || !body.isMasked ? undefined : await openMasked(parts.keys, tenant, bytes);
      process.stdout.write(`${JSON.stringify({ refusalId: Number(id), tenant, code, eventId, body: bytes.toString('utf8'), personal })}\n`);
    }
  } finally {
    await parts.keys.close();
    await parts.bus.close();
    await parts.stores.close();
    parts.secrets.all.close();
  }
} catch (error) {
  process.stderr.write(`ledger: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError ? 78 : 1);
}
