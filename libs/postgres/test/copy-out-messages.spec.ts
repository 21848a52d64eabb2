import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, CopyOutMessages } from '../src/index.js';

// Messages as the manual describes them ("Message Formats"): type, length with itself, body.
function message(type: string, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const NOTICE = message('N', Buffer.from('SNOTICE\0\0'));
const END = Buffer.concat([message('c', Buffer.alloc(0)), message('C', Buffer.from('COPY 3\0')), message('Z', Buffer.from('I'))]);

/** As the server sends it: the header before the first row in its message, the trailer in one of its own. */
function sent(rows: readonly Buffer[], end: Buffer): Buffer {
  const data = rows.map((row, i) => message('d', i === 0 ? Buffer.concat([COPY_BINARY_HEADER, row]) : row));
  const last = message('d', rows.length === 0 ? Buffer.concat([COPY_BINARY_HEADER, COPY_BINARY_TRAILER]) : COPY_BINARY_TRAILER);
  return Buffer.concat([message('H', Buffer.of(1, 0, 0)), ...data.flatMap((one) => [one, NOTICE]), last, end]);
}

interface Read {
  readonly rows: Buffer[];
  readonly others: string;
  readonly end: string;
}

function read(chunks: readonly Buffer[]): Read {
  const others: Buffer[] = [];
  const rows: Buffer[] = [];
  const ends: Buffer[] = [];
  const messages = new CopyOutMessages((other) => others.push(other));
  for (const chunk of chunks) {
    const end = ends.length > 0 ? chunk : messages.read(chunk, rows);
    if (end !== undefined) ends.push(end);
  }
  return { rows, others: Buffer.concat(others).toString('hex'), end: Buffer.concat(ends).toString('hex') };
}

const row = (...bytes: number[]): Buffer => Buffer.from([0, 1, ...bytes]);
const ROWS = [row(1, 2, 3), row(), row(...Buffer.alloc(700, 9))];

function expected(rows: readonly Buffer[], end: Buffer): Read {
  const others = Buffer.concat([message('H', Buffer.of(1, 0, 0)), ...rows.map(() => NOTICE)]);
  return { rows: [...rows], others: others.toString('hex'), end: end.toString('hex') };
}

describe('the messages of a COPY', () => {
  it('are read wherever two reads of the socket meet', () => {
    const bytes = sent(ROWS, END);
    for (let at = 0; at <= bytes.length; at++) expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected(ROWS, END));
  });

  it('are read one byte at a time', () => {
    expect(read(Array.from(sent(ROWS, END), (byte) => Buffer.of(byte)))).toEqual(expected(ROWS, END));
  });

  it('are read in any pieces', () => {
    const rows = fc.array(fc.array(fc.nat(255), { maxLength: 60 }).map((bytes) => row(...bytes)), { maxLength: 8 });
    fc.assert(
      fc.property(rows, fc.array(fc.nat(2_000), { maxLength: 8 }), (some, borders) => {
        const bytes = sent(some, END);
        const cuts = [0, ...borders.map((border) => border % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        expect(read(cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end)))).toEqual(expected(some, END));
      }),
    );
  });

  it('end with an error of the server, which is handed on', () => {
    const error = Buffer.concat([message('E', Buffer.from('SERROR\0C22012\0\0')), message('Z', Buffer.from('I'))]);
    const bytes = Buffer.concat([message('d', Buffer.concat([COPY_BINARY_HEADER, ROWS[0]!])), error]);
    expect(read([bytes])).toEqual({ rows: [ROWS[0]], others: '', end: error.toString('hex') });
  });

  it('give nothing of a row that breaks off', () => {
    const bytes = message('d', Buffer.concat([COPY_BINARY_HEADER, ROWS[2]!]));
    expect(read([bytes.subarray(0, -1)])).toEqual({ rows: [], others: '', end: '' });
    expect(read([Buffer.alloc(0)])).toEqual({ rows: [], others: '', end: '' });
  });
});
