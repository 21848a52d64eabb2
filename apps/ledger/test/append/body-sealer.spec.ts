import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { FIELD_BYTES_MAX } from '@countersign/envelope';
import { KeyClientError } from '@countersign/key-client';
import { emptySettlement, type Settlement } from '../../src/append/settle.js';
import { sealRefusals } from '../../src/append/seal-refusals.js';
import { LocalFields } from '../../src/keys/local-fields.js';
import { FIELDS, SEALER, sealerOver } from './append-stand.js';

const NAME = 'Ana Canary';

describe('a kept body', () => {
  it.each([0, 1, FIELD_BYTES_MAX, FIELD_BYTES_MAX + 1, 1024 * 1024])('of %d bytes opens as it came', async (length) => {
    const body = randomBytes(length);
    const sealed = await SEALER.seal('quarantine', 'acme', body);
    expect(sealed.chunks).toHaveLength(Math.max(1, Math.ceil(length / FIELD_BYTES_MAX)));
    expect((await SEALER.open('quarantine', 'acme', sealed)).equals(body)).toBe(true);
  });

  it('is known again by a digest that nobody computes without the key', async () => {
    const body = Buffer.from(NAME);
    const { digest } = await SEALER.seal('parked', 'acme', body);
    expect((await SEALER.seal('parked', 'acme', body)).digest).toEqual(digest);
    expect(digest).not.toEqual(createHash('sha256').update(body).digest());
    expect(SEALER.digest(Buffer.from('Ben Canary'))).not.toEqual(digest);
  });

  it.each([
    ['in quarantine', 'parked', 'acme', (chunks: readonly string[]) => chunks],
    ['of another tenant', 'quarantine', 'globex', (chunks: readonly string[]) => chunks],
    ['without its end', 'quarantine', 'acme', (chunks: readonly string[]) => chunks.slice(0, 1)],
    ['out of order', 'quarantine', 'acme', (chunks: readonly string[]) => [...chunks].reverse()],
  ] as const)('%s does not open elsewhere or otherwise', async (_what, keptFor, tenant, change) => {
    const sealed = await SEALER.seal('quarantine', 'acme', Buffer.alloc(FIELD_BYTES_MAX + 1, 7));
    await expect(SEALER.open(keptFor, tenant, { ...sealed, chunks: change(sealed.chunks) })).rejects.toMatchObject({ code: 'FIELD_NOT_AUTHENTIC' });
  });

  it('as it came does not open as a masked one', async () => {
    const sealed = await SEALER.seal('parked', 'acme', Buffer.from('[]'));
    await expect(SEALER.open('parked', 'acme', { ...sealed, isMasked: true })).rejects.toMatchObject({ code: 'FIELD_NOT_AUTHENTIC' });
    const masked = await SEALER.sealMasked('parked', 'acme', { body: Buffer.from('[]'), identity: Buffer.from('[1]') });
    expect([masked.isMasked, masked.digest, (await SEALER.open('parked', 'acme', masked)).toString()]).toEqual([true, SEALER.digest(Buffer.from('[1]')), '[]']);
    await expect(SEALER.open('parked', 'acme', { ...masked, isMasked: false })).rejects.toMatchObject({ code: 'FIELD_NOT_AUTHENTIC' });
  });

  it('does not open as the body of another row, or with another secret', async () => {
    const sealed = await SEALER.seal('quarantine', 'acme', Buffer.from(NAME));
    await expect(SEALER.open('quarantine', 'acme', { ...sealed, digest: SEALER.digest(Buffer.from('else')) })).rejects.toMatchObject({ code: 'FIELD_NOT_AUTHENTIC' });
    await expect(sealerOver(new LocalFields(Buffer.alloc(32, 6))).open('quarantine', 'acme', sealed)).rejects.toMatchObject({ code: 'FIELD_NOT_AUTHENTIC' });
  });
});

function refusing(...bodies: string[]): Settlement {
  const settlement = emptySettlement();
  for (const body of bodies) {
    settlement.refusals.push({ id: undefined, tenant: 'acme', code: 'EVENT_FIELD_INVALID', field: 'time', message: 'bad' });
    settlement.quarantine.push({ subject: 'intake.identity.acme', eventId: undefined, code: 'EVENT_FIELD_INVALID', field: 'time', message: 'bad', body: Buffer.from(body) });
  }
  return settlement;
}

describe('refusals of a batch', () => {
  it('are sealed, message by message', async () => {
    const settlements = [refusing('a', 'b'), emptySettlement(), refusing('c')];
    const rows = await sealRefusals('acme', settlements, SEALER, (error) => {
      throw error;
    });
    expect(rows.map(({ body }) => body.digest)).toEqual(['a', 'b', 'c'].map((body) => SEALER.digest(Buffer.from(body))));
    expect(settlements.map(({ putOff }) => putOff)).toEqual([undefined, undefined, undefined]);
  });

  it('are put off, told to nobody and asked for once, when there is no key', async () => {
    let asked = 0;
    const away = sealerOver({
      seal: async (...args) => {
        asked += 1;
        if (asked > 1) throw new KeyClientError('KEYS_UNAVAILABLE', 'away');
        return FIELDS.seal(...args);
      },
      open: (...args) => FIELDS.open(...args),
    });
    const settlements = [refusing('a'), refusing('b', 'c'), refusing('d')];
    const errors: unknown[] = [];
    const rows = await sealRefusals('acme', settlements, away, (error) => errors.push(error));
    expect(rows.map(({ body }) => body.digest)).toEqual([away.digest(Buffer.from('a'))]);
    expect(settlements.map(({ putOff, refusals, quarantine }) => [putOff !== undefined, refusals.length, quarantine.length])).toEqual([[false, 1, 1], [true, 0, 0], [true, 0, 0]]);
    expect(asked).toBe(2);
    expect(errors).toMatchObject([{ code: 'KEYS_UNAVAILABLE' }]);
  });
});
