import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fault, FaultSwitch } from '@countersign/cloud-fixture';
import { openSecrets, SECRET_BYTES_MAX, secretsCheck, type Secret, type SecretProvider } from '../src/index.js';

/** One provider, and how to put something where it reads. */
export interface ProviderStand {
  readonly provider: SecretProvider;
  /** Stores a value and returns its location. */
  put(name: string, value: string): Promise<string>;
  remove(name: string): Promise<void>;
  /** A location where nothing ever was. */
  readonly nowhere: string;
  /** A provider that is not let in, with a location where something is; absent where everybody is. */
  readonly outsider?: () => Promise<{ readonly provider: SecretProvider; readonly location: string }>;
  /** Of a server behind the provider. */
  readonly faults?: FaultSwitch;
  close(): Promise<void>;
}

export const CANARY = 'c4n4ry-värde';
const FAULTS: ReadonlyArray<readonly [Fault, code: string]> = [
  ['slow', 'SECRET_PROVIDER_UNAVAILABLE'],
  ['error', 'SECRET_PROVIDER_UNAVAILABLE'],
  ['throttled', 'SECRET_PROVIDER_UNAVAILABLE'],
  ['drop', 'SECRET_PROVIDER_UNAVAILABLE'],
  ['garbage', 'SECRET_PROVIDER_UNAVAILABLE'],
  ['denied', 'SECRET_DENIED'],
];

/** What every provider of secrets promises. */
export function providerContract(kind: string, open: () => Promise<ProviderStand>): void {
  describe(`secrets from ${kind}`, () => {
    let stand: ProviderStand;
    beforeAll(async () => {
      stand = await open();
    });
    afterAll(() => stand.close());

    const get = (location: string, provider = stand.provider): Promise<Secret> =>
      openSecrets({ sources: { NAME: { provider, location } }, now: () => 0, tickMs: 0, log: { info: () => undefined, warn: () => undefined } }).get('NAME');
    const refusal = async (asked: Promise<Secret>): Promise<Error & { code?: string }> => asked.then(() => Promise.reject(new Error('it was handed out')), (error: unknown) => error as Error);

    it('are read whole, and the new value after a change', async () => {
      const location = await stand.put('one', CANARY);
      expect((await get(location)).text()).toBe(CANARY);
      expect((await get(location)).origin).toMatchObject({ name: 'NAME', provider: stand.provider.name });
      expect(await stand.put('one', 'second')).toBe(location);
      expect((await get(location)).text()).toBe('second');
    });

    it('are not found when they are not there, or not any more', async () => {
      expect(await refusal(get(stand.nowhere))).toMatchObject({ name: 'SecretFault', code: 'SECRET_NOT_FOUND' });
      const location = await stand.put('gone', CANARY);
      await stand.remove('gone');
      expect(await refusal(get(location))).toMatchObject({ code: 'SECRET_NOT_FOUND' });
    });

    it('are not empty, and not larger than the limit', async () => {
      expect(await refusal(get(await stand.put('blank', ' \n')))).toMatchObject({ code: 'SECRET_MALFORMED' });
      expect((await get(await stand.put('largest', 'x'.repeat(SECRET_BYTES_MAX)))).bytes()).toHaveLength(SECRET_BYTES_MAX);
      expect(await refusal(get(await stand.put('larger', 'x'.repeat(SECRET_BYTES_MAX + 1))))).toMatchObject({ code: 'SECRET_TOO_LARGE' });
    });

    it('are checked without being shown', async () => {
      const sources = { FOUND: { provider: stand.provider, location: await stand.put('checked', CANARY) }, MISSING: { provider: stand.provider, location: stand.nowhere } };
      const rows = await secretsCheck(sources, Date.UTC(2030, 0, 1));
      expect(rows).toMatchObject([
        { name: 'FOUND', provider: stand.provider.name, found: true },
        { name: 'MISSING', provider: stand.provider.name, found: false, code: 'SECRET_NOT_FOUND' },
      ]);
      expect(JSON.stringify(rows)).not.toContain(CANARY);
    });

    it('are refused to whoever is not let in', async () => {
      const outsider = await stand.outsider?.();
      if (outsider === undefined) return;
      expect(await refusal(get(outsider.location, outsider.provider))).toMatchObject({ code: expect.stringMatching(/^SECRET_(DENIED|ENV_FORBIDDEN)$/) });
    });

    it('are told apart when the server behind fails', async () => {
      const location = await stand.put('behind', CANARY);
      for (const [fault, code] of stand.faults === undefined ? [] : FAULTS) {
        stand.faults?.set(fault);
        const error = await refusal(get(location));
        expect([fault, error.code]).toEqual([fault, code]);
        expect(`${error.message}${error.stack}`).not.toMatch(new RegExp(`${CANARY}|behind`));
      }
      stand.faults?.set('error', 1);
      expect((await get(location)).text()).toBe(CANARY);
      stand.faults?.set(undefined);
    });
  });
}
