import { randomBytes, randomUUID } from 'node:crypto';
import type { IngestResult } from '@countersign/contracts';
import { CliError, EXIT } from '../exit-code.js';
import type { EdgeApi } from '../edge-api.js';

/** Of the accounts that belong to no other. */
const ORGANIZATION = 'home';

export interface SentOverHttp {
  readonly service: string;
  readonly ledger: string;
  readonly index: number;
}

/** What a service without NATS does: gets an account and a key from the administrator, sends one event, and has its receipt in the answer. Throws CliError. */
export async function sendOverHttp(administrator: EdgeApi): Promise<SentOverHttp> {
  const service = `demo-${randomBytes(4).toString('hex')}`;
  const { accountId } = await administrator.post<{ accountId: string }>('/v1/admin/service-accounts', { name: service, organization: ORGANIZATION });
  const account = `/v1/admin/service-accounts/${accountId}`;
  await administrator.post(`${account}/roles`, { role: 'service', organization: ORGANIZATION });
  const grants = [{ permission: 'event.write', scope: 'organization' }];
  const { key } = await administrator.post<{ key: string }>(`${account}/api-keys`, { name: 'demonstration', grants, days: 1 });
  const event = { id: randomUUID(), type: `http.${service}.invoice.paid`, time: new Date().toISOString(), data: { cents: 1_200 } };
  const { results } = JSON.parse(await administrator.text('POST', '/v1/events', event, key)) as { results: readonly IngestResult[] };
  const [result] = results;
  if (result === undefined || !('receipt' in result)) throw new CliError(EXIT.fault, 'EVENT_NOT_RECORDED', `the event of ${service} got no receipt`);
  return { service, ledger: result.receipt.tenant, index: result.receipt.index };
}
