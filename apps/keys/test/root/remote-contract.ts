import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fault, FaultSwitch } from '@countersign/cloud-fixture';
import type { RootKeyProvider } from '../../src/root/root-key-provider.js';
import { CONTEXT } from './root-key-contract.js';

export interface RemoteStand {
  readonly provider: RootKeyProvider;
  readonly faults: FaultSwitch;
  /** A provider whose credentials the server does not know. */
  impostor(): RootKeyProvider;
  close(): Promise<void>;
}

const FAULTS: ReadonlyArray<readonly [Fault, code: string]> = [
  ['slow', 'ROOT_KEY_UNAVAILABLE'],
  ['error', 'ROOT_KEY_UNAVAILABLE'],
  ['throttled', 'ROOT_KEY_UNAVAILABLE'],
  ['drop', 'ROOT_KEY_UNAVAILABLE'],
  ['garbage', 'ROOT_KEY_UNAVAILABLE'],
  ['denied', 'ROOT_KEY_DENIED'],
];

/** What a provider elsewhere promises besides, when the way there or the other end fails. */
export function remoteContract(kind: string, open: () => Promise<RemoteStand>): void {
  describe(`a root key elsewhere: ${kind}`, () => {
    let stand: RemoteStand;
    let text: string;
    const key = randomBytes(32);
    beforeAll(async () => {
      stand = await open();
      text = await stand.provider.wrap(CONTEXT, key);
    });
    afterEach(() => stand.faults.set(undefined));
    afterAll(() => stand.close());

    it.each(FAULTS)('tells %s as %s, from every operation, and works again afterwards', async (fault, code) => {
      stand.faults.set(fault);
      const { provider } = stand;
      const operations = [provider.wrap(CONTEXT, key), provider.unwrap(CONTEXT, text), provider.rewrap(CONTEXT, text), provider.describe()];
      const settled = await Promise.allSettled(operations);
      for (const one of settled) expect(one).toMatchObject({ status: 'rejected', reason: { name: 'RootKeyFault', code } });
      const said = JSON.stringify(settled.map((one) => (one.status === 'rejected' ? String((one.reason as Error).stack) : '')));
      for (const encoding of ['hex', 'base64'] as const) expect(said).not.toContain(key.toString(encoding));
      stand.faults.set(undefined);
      expect((await provider.unwrap(CONTEXT, text)).equals(key)).toBe(true);
    });

    it.each(['error', 'throttled', 'drop'] as const)('outlasts a single failure: %s', async (fault) => {
      stand.faults.set(fault, 1);
      expect((await stand.provider.unwrap(CONTEXT, text)).equals(key)).toBe(true);
      expect(stand.faults.requests).toBeGreaterThan(1);
    });

    it('asks once more at most a few times, not for ever', async () => {
      stand.faults.set('error');
      await expect(stand.provider.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_UNAVAILABLE' });
      expect(stand.faults.requests).toBe(3);
    });

    it('is refused with credentials that the server does not know', async () => {
      await expect(stand.impostor().unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_DENIED' });
    });
  });
}
