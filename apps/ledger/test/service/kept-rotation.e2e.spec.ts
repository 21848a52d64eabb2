import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FieldPlace, KeyClientError, Keys } from '@countersign/key-client';
import { withClient } from '@countersign/postgres';
import { KEYS_IMPORT_PURPOSE, type RefusedEvent, type SearchPage } from '@countersign/contracts';
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

interface Told {
  readonly code: string;
  readonly tenant?: string;
  readonly count?: number;
}

/** What the system ledger says was refused: by the key service, and by services with a key at hand. As anybody reads it. */
async function toldInSystem(): Promise<string[]> {
  const told: string[] = [];
  for (const type of ['keys.request.refused', 'keys.cached-key.refused']) {
    const { events } = (await ledger.get(`ledgers/system/events?type=${type}&limit=100`)) as SearchPage;
    for (const { parts } of events) {
      const data = parts.find(({ name }) => name === 'data')!.value as Told & { readonly refusals?: readonly Told[] };
      for (const { code, tenant, count } of data.refusals ?? [data]) told.push(...Array.from({ length: count ?? 1 }, () => `${code} ${tenant ?? ''}`));
    }
  }
  return told;
}

describe('whoever asks for what he may not have', () => {
  it('is refused with its own code, each time, and each refusal is in the system ledger', async () => {
    const PURPOSE = 'ledger.case';
    const place: FieldPlace = { table: 'cases', column: 'note', row: '17' };
    const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: { code: string }) => error.code);
    const before = await toldInSystem();
    await keys.asLedger(async (mine: Keys) => {
      const text = await mine.fields.seal('acme', PURPOSE, place, Buffer.from('x'));
      await mine.fields.seal('globex', PURPOSE, place, Buffer.from('x'));
      const open = (tenant = 'acme', at: Partial<FieldPlace> = {}, sealed = text): Promise<string> => codeOf(mine.fields.open(tenant, PURPOSE, { ...place, ...at }, sealed));
      const [version, keyId, iv, tag, rest] = text.split(':') as [string, string, string, string, string];
      expect({
        tenant: await open('globex'),
        row: await open('acme', { row: '18' }),
        column: await open('acme', { column: 'other' }),
        truncatedTag: await open('acme', {}, [version, keyId, iv, tag.slice(0, 16), rest].join(':')),
        unknownKey: await open('acme', {}, [version, 'dk_aaaaaaaaaaaaaaaaaaaaaaaaaa_1', iv, tag, rest].join(':')),
        unauthorised: await codeOf(mine.client.ask('data-key', { tenant: 'acme', purpose: 'identity.mfa' })),
      }).toEqual({
        tenant: 'KEY_UNKNOWN',
        row: 'FIELD_NOT_AUTHENTIC',
        column: 'FIELD_NOT_AUTHENTIC',
        truncatedTag: 'FIELD_MALFORMED',
        unknownKey: 'KEY_UNKNOWN',
        unauthorised: 'KEY_PURPOSE_FORBIDDEN',
      });
      const name = { tenant: 'acme', purpose: PURPOSE };
      await keys.operator.client.ask('rotate', name);
      await ledger.until('the old version is destroyed', async () => {
        await codeOf(mine.client.ask('report-remaining', { ...name, scanMs: 0, counts: [{ version: 1, remaining: 0 }] }));
        return (await codeOf(keys.operator.client.ask('retire-version', { ...name, version: 1 }))) === 'none';
      });
      await ledger.until('its lease has ended', async () => (await open()) === 'KEY_DESTROYED');
      const once = { tenant: 'system', purpose: KEYS_IMPORT_PURPOSE };
      await keys.operator.client.ask('wrap', once);
      await withClient(ledger.stack.databaseUrl('keys'), (client) => client.query('UPDATE key_versions SET uses_leased = 4294967295 WHERE purpose = $1', [once.purpose]));
      expect(await codeOf(keys.operator.client.ask('wrap', once))).toBe('KEY_EXHAUSTED');
      await mine.report();
    });
    const expected = [
      'KEY_UNKNOWN globex',
      'KEY_UNKNOWN acme',
      'FIELD_NOT_AUTHENTIC acme',
      'FIELD_NOT_AUTHENTIC acme',
      'FIELD_MALFORMED acme',
      'KEY_PURPOSE_FORBIDDEN acme',
      'KEY_DESTROYED acme',
      'KEY_EXHAUSTED system',
    ];
    const missing = async (): Promise<string[]> => {
      const told = await toldInSystem();
      for (const one of before) told.splice(told.indexOf(one), 1);
      return expected.filter((one) => {
        const at = told.indexOf(one);
        if (at >= 0) told.splice(at, 1);
        return at < 0;
      });
    };
    let left: string[] = [];
    await ledger.until('the system ledger holds every refusal', async () => (left = await missing()).length === 0).catch(() => undefined);
    expect(left).toEqual([]);
  }, 120_000);
});
