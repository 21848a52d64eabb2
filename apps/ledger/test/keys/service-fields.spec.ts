import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { fieldKey, openField, type FieldKey } from '@countersign/envelope';
import { KeyClientError } from '@countersign/key-client';
import { LocalFields } from '../../src/keys/local-fields.js';
import { ServiceFields } from '../../src/keys/service-fields.js';

const KEY = fieldKey({ keyId: 'dk_a_1', bytes: Buffer.alloc(32, 3) });
const PLACE = { table: 'quarantine', column: 'sealed_body', row: '1' };
const LOCAL = new LocalFields(Buffer.alloc(32, 4));
const never = (): Promise<FieldKey> => new Promise(() => undefined);
const away = (): Promise<FieldKey> => Promise.reject(new KeyClientError('KEYS_UNAVAILABLE', 'away'));

/** Fields whose key comes as `ask` says, which can be changed. */
function fieldsThat(ask: () => Promise<FieldKey>) {
  const state = { ask };
  const fields = new ServiceFields({ sealingKey: () => state.ask(), open: () => Promise.reject(new KeyClientError('KEY_UNKNOWN', 'asked')) }, LOCAL);
  const seal = (): Promise<string> => fields.seal('acme', 'ledger.quarantine', PLACE, Buffer.from('x'));
  return { state, seal, fields };
}

const outcome = (sealing: Promise<string>, waitMs: number): Promise<string> =>
  Promise.race([sealing.catch((error: KeyClientError) => error.code), sleep(waitMs).then(() => 'still waiting')]);

describe('fields under keys of the key service', () => {
  it('are sealed with a key that is at hand or comes in a moment', async () => {
    for (const ask of [() => Promise.resolve(KEY), () => sleep(20).then(() => KEY)]) {
      const text = await fieldsThat(ask).seal();
      expect(openField(KEY, { tenant: 'acme', ...PLACE }, text).toString()).toBe('x');
    }
  });

  it('wait a moment for a key that does not come, and no longer', async () => {
    const { seal } = fieldsThat(never);
    const sealing = seal();
    expect(await outcome(sealing, 50)).toBe('still waiting');
    await expect(sealing).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  });

  it('wait not at all while the key service is known to be away, until it answers again', async () => {
    const { state, seal } = fieldsThat(away);
    await expect(seal()).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    state.ask = never;
    expect(await outcome(seal(), 150)).toBe('KEYS_UNAVAILABLE');
    state.ask = () => Promise.resolve(KEY);
    expect(await seal()).toMatch(/^v2:dk_a_1:/);
    state.ask = never;
    expect(await outcome(seal(), 50)).toBe('still waiting');
  });

  it('that the ledger sealed before it had a key service are opened without one', async () => {
    const { fields } = fieldsThat(away);
    const text = await LOCAL.seal('acme', 'ledger.quarantine', PLACE, Buffer.from('x'));
    expect((await fields.open('acme', 'ledger.quarantine', PLACE, text)).toString()).toBe('x');
    await expect(fields.open('acme', 'ledger.quarantine', PLACE, text.replace('local_1', 'dk_a_1'))).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
  });

  it('say why, when the key service refuses for good', async () => {
    const { seal } = fieldsThat(() => Promise.reject(new KeyClientError('KEY_PURPOSE_FORBIDDEN', 'no')));
    await expect(seal()).rejects.toMatchObject({ code: 'KEY_PURPOSE_FORBIDDEN' });
  });
});
