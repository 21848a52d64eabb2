import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PackedEntry, type StoredEntry } from '@countersign/chain';
import { readRow } from '../../src/store/entry-stream.js';

// An encoder of PostgreSQL's binary COPY written from its manual alone, with BigInt and lists of buffers.
const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const field = (value: Buffer | null): Buffer => (value === null ? int32(-1) : Buffer.concat([int32(value.length), value]));
const BYTEA_OID = 17;

function byteArray(values: readonly (Buffer | null)[] | null): Buffer {
  if (values === null) return field(null);
  if (values.length === 0) return field(Buffer.concat([int32(0), int32(0), int32(BYTEA_OID)]));
  const head = [int32(1), int32(values.includes(null) ? 1 : 0), int32(BYTEA_OID), int32(values.length), int32(1)];
  return field(Buffer.concat([...head, ...values.map(field)]));
}

interface Row {
  readonly leafIndex: number;
  readonly eventId: string;
  readonly entry: Buffer;
  readonly data: Buffer | null;
  readonly personal: readonly (Buffer | null)[] | null;
}

const encode = ({ leafIndex, eventId, entry, data, personal }: Row): Buffer =>
  Buffer.concat([int16(5), field(int64(leafIndex)), field(Buffer.from(eventId.replaceAll('-', ''), 'hex')), field(entry), field(data), byteArray(personal)]);

const copied = ({ leafIndex = -1, eventId = '', entry, data, personal }: StoredEntry): Row => ({
  leafIndex,
  eventId,
  entry: Buffer.from(entry),
  data: data === null ? null : Buffer.from(data),
  personal: personal.map((part) => (part === null ? null : Buffer.from(part))),
});

const read = (row: Row): Row => copied(readRow(encode(row)));
const expected = (row: Row): Row => ({ ...row, personal: row.personal ?? [] });

const ROWS: readonly Row[] = [
  { leafIndex: 0, eventId: '00000000-0000-4000-8000-000000000001', entry: Buffer.from('{"v":1}'), data: null, personal: null },
  { leafIndex: 1, eventId: 'ffffffff-ffff-7fff-bfff-ffffffffffff', entry: Buffer.alloc(0), data: Buffer.alloc(0), personal: [] },
  { leafIndex: 4_294_967_295, eventId: '0190a5c0-1234-7000-8000-0123456789ab', entry: Buffer.from('ä€😀'), data: Buffer.of(255, 255), personal: [null] },
  { leafIndex: 2 ** 53 - 1, eventId: '0190a5c0-1234-7000-8000-0123456789ab', entry: Buffer.of(0), data: Buffer.of(0), personal: [Buffer.of(1, 2), null, Buffer.alloc(0)] },
];

describe('the reader of stored rows', () => {
  it.each(ROWS)('reads entry $leafIndex', (row) => {
    expect(read(row)).toEqual(expected(row));
  });

  it('reads any row', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const row = fc.record({
      leafIndex: fc.maxSafeNat(),
      eventId: fc.uuid(),
      entry: bytes,
      data: fc.option(bytes),
      personal: fc.option(fc.array(fc.option(bytes), { maxLength: 4 })),
    });
    fc.assert(fc.property(row, (one) => expect(read(one)).toEqual(expected(one))));
  });

  it('hashes a leaf where it lies, and leaves the row as it was', () => {
    for (const row of ROWS) {
      const bytes = encode(row);
      const packed = readRow(bytes);
      if (!(packed instanceof PackedEntry)) throw new Error('not packed');
      const hash = Buffer.alloc(32);
      packed.leafHashInto(hash);
      expect(hash).toEqual(createHash('sha256').update(Buffer.of(0)).update(row.entry).digest());
      expect(bytes).toEqual(encode(row));
    }
  });
});
