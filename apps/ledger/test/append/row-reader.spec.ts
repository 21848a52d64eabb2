import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { StoredEntry } from '@countersign/chain';
import { RowReader } from '../../src/store/entry-stream.js';

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

function encode(rows: readonly Row[]): Buffer {
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0)]);
  const body = rows.map(({ leafIndex, eventId, entry, data, personal }) =>
    Buffer.concat([int16(5), field(int64(leafIndex)), field(Buffer.from(eventId.replaceAll('-', ''), 'hex')), field(entry), field(data), byteArray(personal)]),
  );
  return Buffer.concat([header, ...body, int16(-1)]);
}

const copied = ({ leafIndex = -1, eventId = '', entry, data, personal }: StoredEntry): Row => ({
  leafIndex,
  eventId,
  entry: Buffer.from(entry),
  data: data === null ? null : Buffer.from(data),
  personal: personal.map((part) => (part === null ? null : Buffer.from(part))),
});

const read = (chunks: readonly Buffer[]): Row[] => {
  const reader = new RowReader();
  return chunks.flatMap((chunk) => reader.read(chunk).map(copied));
};

const expected = (rows: readonly Row[]): Row[] => rows.map((row) => ({ ...row, personal: row.personal ?? [] }));

const ROWS: readonly Row[] = [
  { leafIndex: 0, eventId: '00000000-0000-4000-8000-000000000001', entry: Buffer.from('{"v":1}'), data: null, personal: null },
  { leafIndex: 1, eventId: 'ffffffff-ffff-7fff-bfff-ffffffffffff', entry: Buffer.alloc(0), data: Buffer.alloc(0), personal: [] },
  { leafIndex: 4_294_967_295, eventId: '0190a5c0-1234-7000-8000-0123456789ab', entry: Buffer.from('ä€😀'), data: Buffer.of(255, 255), personal: [null] },
  { leafIndex: 2 ** 53 - 1, eventId: '0190a5c0-1234-7000-8000-0123456789ab', entry: Buffer.of(0), data: Buffer.of(0), personal: [Buffer.of(1, 2), null, Buffer.alloc(0)] },
];

describe('the reader of stored rows', () => {
  it('reads the same rows wherever two chunks meet', () => {
    const stream = encode(ROWS);
    const wrong: number[] = [];
    for (let at = 0; at <= stream.length; at++) {
      const rows = read([stream.subarray(0, at), stream.subarray(at)]);
      if (JSON.stringify(rows) !== JSON.stringify(expected(ROWS))) wrong.push(at);
    }
    expect(wrong).toEqual([]);
  });

  it('reads one byte at a time', () => {
    const stream = encode(ROWS);
    expect(read(Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(expected(ROWS));
  });

  it('reads any rows in any chunks', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const row = fc.record({
      leafIndex: fc.maxSafeNat(),
      eventId: fc.uuid(),
      entry: bytes,
      data: fc.option(bytes),
      personal: fc.option(fc.array(fc.option(bytes), { maxLength: 4 })),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), fc.array(fc.nat(2_000), { maxLength: 8 }), (rows, borders) => {
        const stream = encode(rows);
        const cuts = [0, ...borders.map((border) => border % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        expect(read(cuts.slice(1).map((end, i) => stream.subarray(cuts[i], end)))).toEqual(expected(rows));
      }),
    );
  });

  it('gives nothing of a row that breaks off', () => {
    const stream = encode(ROWS.slice(0, 1));
    expect(read([stream.subarray(0, -3)])).toEqual([]);
    expect(read([Buffer.alloc(0)])).toEqual([]);
  });
});
