import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RootKeyContext, RootKeyProvider } from '../../src/root/root-key-provider.js';

export const CONTEXT: RootKeyContext = { use: 'tenant-key', owner: 'acme', keyId: 'tk_aaaaaaaaaaaaaaaaaaaaaaaaaa_1' };

/** One provider under test, and what only it knows how to do. */
export interface RootKeyStand {
  readonly provider: RootKeyProvider;
  /** Another provider object over the same root key, as a second instance or a restart has it. */
  reopen(): Promise<RootKeyProvider>;
  /** A provider of the same kind over another root key. */
  stranger(): Promise<RootKeyProvider>;
  /** Makes a new version of the root key. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

const OTHERS: ReadonlyArray<readonly [what: string, context: RootKeyContext]> = [
  ['use', { ...CONTEXT, use: 'epoch-key' }],
  ['owner', { ...CONTEXT, owner: 'globex' }],
  ['key id', { ...CONTEXT, keyId: 'tk_aaaaaaaaaaaaaaaaaaaaaaaaaa_2' }],
  ['border between owner and key id', { ...CONTEXT, owner: 'acmet', keyId: CONTEXT.keyId.slice(1) }],
];

const MALFORMED = ['', 'r1', 'r1:', 'r2:file:x', 'v2:k:iv:tag:ct', `r1:file:${'a'.repeat(9_000)}`, 'r1:file:rk_a_1:::', 'r1:kms::', 'r1:vault:v0:', 'r1:unknown:a:b'];

/** What every provider of a root key promises. */
export function rootKeyContract(kind: string, open: () => Promise<RootKeyStand>): void {
  describe(`a root key: ${kind}`, () => {
    let stand: RootKeyStand;
    beforeAll(async () => {
      stand = await open();
    });
    afterAll(() => stand.close());
    wrapContract(() => stand);
    refusalContract(() => stand);
  });
}

function wrapContract(standing: () => RootKeyStand): void {
  describe('wraps', () => {
    let stand: RootKeyStand;
    beforeAll(() => {
      stand = standing();
    });

    it('unwraps what it wrapped, here and in another instance, and never says the key', async () => {
      const key = randomBytes(32);
      const text = await stand.provider.wrap(CONTEXT, key);
      expect((await stand.provider.unwrap(CONTEXT, text)).equals(key)).toBe(true);
      expect((await (await stand.reopen()).unwrap(CONTEXT, text)).equals(key)).toBe(true);
      expect(text).toMatch(/^r1:[a-z]+:[A-Za-z0-9_:+/=-]+$/);
      for (const encoding of ['hex', 'base64', 'base64url'] as const) expect(text).not.toContain(key.toString(encoding));
    });

    it('hands out a buffer of its own each time', async () => {
      const text = await stand.provider.wrap(CONTEXT, Buffer.alloc(32, 7));
      (await stand.provider.unwrap(CONTEXT, text)).fill(0);
      expect(await stand.provider.unwrap(CONTEXT, text)).toEqual(Buffer.alloc(32, 7));
    });

    it('wraps the same key differently each time', async () => {
      const key = randomBytes(32);
      expect(await stand.provider.wrap(CONTEXT, key)).not.toBe(await stand.provider.wrap(CONTEXT, key));
    });

    it('goes on unwrapping after a rotation, in every instance, and rewraps to the new version', async () => {
      const key = randomBytes(32);
      const old = await stand.provider.wrap(CONTEXT, key);
      expect(await stand.provider.isCurrent(old)).toBe(true);
      await stand.rotate();
      expect(await stand.provider.isCurrent(old)).toBe(false);
      const other = await stand.reopen();
      const renewed = await stand.provider.rewrap(CONTEXT, old);
      expect(await stand.provider.isCurrent(renewed)).toBe(true);
      expect(stand.provider.rootKeyOf(renewed)).not.toBe(stand.provider.rootKeyOf(old));
      for (const text of [old, renewed]) {
        expect((await stand.provider.unwrap(CONTEXT, text)).equals(key)).toBe(true);
        expect((await other.unwrap(CONTEXT, text)).equals(key)).toBe(true);
      }
    });

    it('describes itself, and the current version is what new wraps are under', async () => {
      const described = await stand.provider.describe();
      const text = await stand.provider.wrap(CONTEXT, randomBytes(32));
      expect(described).toMatchObject({ provider: stand.provider.name, current: stand.provider.rootKeyOf(text) });
      expect(described.versions.map(({ id }) => id)).toContain(described.current);
    });
  });
}

function refusalContract(standing: () => RootKeyStand): void {
  describe('refuses', () => {
    let stand: RootKeyStand;
    beforeAll(() => {
      stand = standing();
    });

    it.each(OTHERS)('does not unwrap for another %s', async (_what, context) => {
      const text = await stand.provider.wrap(CONTEXT, randomBytes(32));
      await expect(stand.provider.unwrap(context, text)).rejects.toMatchObject({ code: 'ROOT_KEY_NOT_AUTHENTIC' });
      await expect(stand.provider.rewrap(context, text)).rejects.toMatchObject({ code: 'ROOT_KEY_NOT_AUTHENTIC' });
    });

    it('does not unwrap a text with any byte of its ciphertext changed', async () => {
      const text = await stand.provider.wrap(CONTEXT, randomBytes(32));
      const start = text.lastIndexOf(':') + 1;
      const length = Buffer.from(text.slice(start), 'base64').length;
      const encoding = /[+/=]/.test(text.slice(start)) || stand.provider.name === 'vault-transit' ? 'base64' : 'base64url';
      for (let at = 0; at < length; at += 1) {
        const bytes = Buffer.from(text.slice(start), encoding);
        bytes[at]! ^= 1 << (at % 8);
        await expect(stand.provider.unwrap(CONTEXT, text.slice(0, start) + bytes.toString(encoding))).rejects.toMatchObject({ code: 'ROOT_KEY_NOT_AUTHENTIC' });
      }
    });

    it('does not unwrap what another root key wrapped', async () => {
      const text = await (await stand.stranger()).wrap(CONTEXT, randomBytes(32));
      await expect(stand.provider.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: expect.stringMatching(/^ROOT_KEY_(UNKNOWN|NOT_AUTHENTIC)$/) });
    });

    it.each(MALFORMED)('refuses a text that is none: %s', async (text) => {
      await expect(stand.provider.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_INPUT_MALFORMED' });
      await expect(stand.provider.rewrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_INPUT_MALFORMED' });
      expect(() => stand.provider.rootKeyOf(text)).toThrow(expect.objectContaining({ code: 'ROOT_KEY_INPUT_MALFORMED' }));
    });

    it('refuses keys that are not 32 bytes, and contexts without owner or key id', async () => {
      const code = { code: 'ROOT_KEY_INPUT_MALFORMED' };
      for (const bytes of [0, 16, 31, 33]) await expect(stand.provider.wrap(CONTEXT, randomBytes(bytes))).rejects.toMatchObject(code);
      await expect(stand.provider.wrap({ ...CONTEXT, owner: '' }, randomBytes(32))).rejects.toMatchObject(code);
      await expect(stand.provider.wrap({ ...CONTEXT, keyId: 'k'.repeat(257) }, randomBytes(32))).rejects.toMatchObject(code);
    });
  });
}
