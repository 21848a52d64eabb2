import { describe, expect, it } from '@jest/globals';
import { fieldKey, openField, parseField, sealField } from '@countersign/envelope';
import { checkColumn, reencrypt, rotationMigrationSql, type EncryptedColumn } from '../src/index.js';

const COLUMN: EncryptedColumn = {
  purpose: 'identity.mfa',
  table: 'identity.factors',
  column: 'secret',
  type: 'text[]',
  key: [{ column: 'id', type: 'bigint' }],
  place: ({ id }, piece, pieces) => ({ table: 'factors', column: 'secret', row: `${String(id)}/${piece}/${pieces}` }),
};
const ROW = { id: 7 };
const old = fieldKey({ keyId: 'dk_a_1', bytes: Buffer.alloc(32, 1) });
const next = (usesMax = 10) => fieldKey({ keyId: 'dk_a_2', bytes: Buffer.alloc(32, 2), usesMax });
const context = (piece: number, pieces: number) => ({ tenant: 'acme', ...COLUMN.place(ROW, piece, pieces) });
const sealed = (values: readonly string[]): string[] => values.map((value, piece) => sealField(old, context(piece, values.length), Buffer.from(value)));

describe('a row is re-encrypted', () => {
  it('piece by piece, for the same place', () => {
    const to = next();
    const result = reencrypt(COLUMN, ROW, sealed(['a', 'b', '']), { tenant: 'acme', from: old, to }) as { texts: string[] };
    expect(result.texts.map((text, piece) => openField(to, context(piece, 3), text).toString())).toEqual(['a', 'b', '']);
  });

  it('and pieces under another key stay as they are', () => {
    const to = next();
    const [first] = sealed(['a', 'b']);
    const second = sealField(to, context(1, 2), Buffer.from('b'));
    const result = reencrypt(COLUMN, ROW, [first!, second], { tenant: 'acme', from: old, to }) as { texts: string[] };
    expect([parseField(result.texts[0]!).keyId, result.texts[1]]).toEqual(['dk_a_2', second]);
  });

  it.each([
    ['FIELD_NOT_AUTHENTIC', 'belongs to another tenant', sealed(['a']), 'globex'],
    ['FIELD_NOT_AUTHENTIC', 'lost its last piece', sealed(['a', 'b']).slice(0, 1), 'acme'],
    ['FIELD_MALFORMED', 'is no field', ['secret'], 'acme'],
  ])('not, and told as %s, when it %s', (fault, _what, texts, tenant) => {
    expect(reencrypt(COLUMN, ROW, texts, { tenant, from: old, to: next() })).toEqual({ fault });
  });

  it('not in part, when the lease has fewer uses left than the row has pieces', () => {
    const to = next(1);
    expect(reencrypt(COLUMN, ROW, sealed(['a', 'b']), { tenant: 'acme', from: old, to })).toBe('exhausted');
    expect(to.sealedCount).toBe(0);
  });
});

describe('a declaration', () => {
  it('gives the role these columns and no more', () => {
    expect(rotationMigrationSql([COLUMN], 'identity_rotation')).toBe(`
CREATE INDEX factors_secret_key_id ON identity.factors ((split_part(left(secret[1], 68), ':', 2) COLLATE "C"), id);
GRANT SELECT (id, secret), UPDATE (secret) ON identity.factors TO identity_rotation;
`);
  });

  it.each([
    ['a table that is no SQL name', { ...COLUMN, table: 'a; DROP TABLE b' }],
    ['a column that is no SQL name', { ...COLUMN, column: 'Secret' }],
    ['no key', { ...COLUMN, key: [] }],
    ['no rows a batch', { ...COLUMN, batchRows: 0 }],
  ])('is refused with %s', (_what, declared) => {
    expect(() => checkColumn(declared)).toThrow(RangeError);
  });
});
