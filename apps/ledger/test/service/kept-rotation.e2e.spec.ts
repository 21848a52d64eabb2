import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KeyClientError } from '@countersign/key-client';
import { withClient } from '@countersign/postgres';
import type { RefusedEvent } from '@countersign/contracts';
import type { KeysProcess } from '../fixture/keys-process.js';
import { makeEvent } from '../fixture/ledger-fixture.js';
import { ServiceProcess } from '../fixture/service-process.js';

const CANARY = 'Ana Canary 19-7-55';

let ledger: ServiceProcess;
let keys: KeysProcess;
beforeAll(async () => {
  ({ ledger, keys } = await ServiceProcess.startWithKeys({ areKeysUp: true, keysEnv: { KEYS_LEASE_SECONDS: '1', KEYS_RETIRE_SETTLE_SECONDS: '0' } }));
}, 60_000);
afterAll(async () => {
  await ledger.halt();
  await keys.stop();
  await ledger.stop();
});

const keyIds = async (): Promise<string[]> => (await ledger.admin.query<{ id: string }>(`SELECT split_part(piece, ':', 2) AS id FROM quarantine, unnest(sealed_body) AS piece`)).rows.map(({ id }) => id);

describe('what lies beside the chain', () => {
  it('is brought under the new version of its key, opens as before, and lets the old version end', async () => {
    await ledger.sendEvents('acme', [{ ...makeEvent('acme'), severity: CANARY as 'info' }]);
    await ledger.until('it is refused', async () => (await keyIds()).length > 0);
    const [{ refusalId }] = ((await ledger.get('ledgers/acme/refused')) as { refused: [RefusedEvent] }).refused;
    const before = await ledger.openRefusal(refusalId);
    expect((await keyIds()).every((id) => id.endsWith('_1'))).toBe(true);
    await keys.operator.client.ask('rotate', { tenant: 'acme', purpose: 'ledger.quarantine' });
    // Its first round comes with its start.
    await ledger.halt();
    await ledger.launch();
    await ledger.until('it is re-encrypted', async () => (await keyIds()).every((id) => id.endsWith('_2')));
    // Its next round finds the lease of the old version ended, and proves that nothing is left.
    await ledger.halt();
    await ledger.launch();
    const name = { tenant: 'acme', purpose: 'ledger.quarantine' };
    const retired = (): Promise<string> => keys.operator.client.ask('retire-version', { ...name, version: 1 }).then(() => 'retired', (error: KeyClientError) => error.code);
    await ledger.until('the old version is retired', async () => (await retired()) === 'retired');
    expect((await keys.operator.client.ask('show', name)).result.versions.map(({ state }) => state)).toEqual(['destroyed', 'active']);
    expect(await ledger.openRefusal(refusalId)).toEqual(before);
  }, 120_000);

  it('is written by the role of rotation alone, piece for piece, and nothing else is', async () => {
    const as = (role: string, text: string): Promise<unknown> =>
      withClient(ledger.stack.databaseUrl('ledger'), async (client) => {
        await client.query(`SET ROLE ${role}`);
        return client.query(text).then(() => 'none', (error: { code?: string }) => error.code);
      });
    expect(await as('ledger_runtime', `UPDATE quarantine SET sealed_body = ARRAY['x']`)).toBe('42501');
    expect(await as('ledger_rotation', `UPDATE quarantine SET sealed_body = sealed_body || 'x'::text`)).toBe('42501');
    expect(await as('ledger_rotation', `UPDATE quarantine SET body_digest = ''`)).toBe('42501');
    expect(await as('ledger_rotation', 'SELECT message FROM quarantine')).toBe('42501');
    expect(await as('ledger_rotation', 'DELETE FROM quarantine')).toBe('42501');
  });
});
