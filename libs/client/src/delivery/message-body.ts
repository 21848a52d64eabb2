import type { Entry } from './lane.js';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

/** Where the bytes of one event are. */
export interface Piece {
  readonly buffer: Buffer;
  readonly at: number;
}

export function residentPiece({ chunk, at }: Entry): Piece | undefined {
  return chunk && { buffer: chunk.buffer, at };
}

/** The JSON text of an entry. */
export function pieceText(entry: Entry, piece: Piece): string {
  return piece.buffer.toString('utf8', piece.at, piece.at + entry.bytes);
}

/** The JSON array of the events: what one bus message carries. All entries must be in memory. */
export function messageBody(entries: readonly Entry[]): Buffer {
  const body = emptyBody(entries);
  let at = 1;
  for (let first = 0; first < entries.length; ) {
    const { chunk, at: from } = entries[first] as Entry;
    let to = from;
    // Neighbours are copied in one go; the line feed between them becomes the comma.
    let next = first;
    for (; next < entries.length && (entries[next] as Entry).chunk === chunk && (entries[next] as Entry).at === to; next++) {
      to += (entries[next] as Entry).bytes + 1;
    }
    chunk?.buffer.copy(body, at, from, to);
    for (; first < next; first++) {
      at += (entries[first] as Entry).bytes;
      body[at++] = COMMA;
    }
  }
  body[at - 1] = CLOSE;
  return body;
}

/** The same from pieces, some of which were read back. */
export function messageBodyOfPieces(entries: readonly Entry[], pieces: readonly Piece[]): Buffer {
  const body = emptyBody(entries);
  let at = 1;
  entries.forEach((entry, index) => {
    const piece = pieces[index] as Piece;
    piece.buffer.copy(body, at, piece.at, piece.at + entry.bytes);
    at += entry.bytes;
    body[at++] = COMMA;
  });
  body[at - 1] = CLOSE;
  return body;
}

function emptyBody(entries: readonly Entry[]): Buffer {
  let bytes = 1;
  for (const entry of entries) bytes += entry.bytes + 1;
  const body = Buffer.allocUnsafe(bytes);
  body[0] = OPEN;
  return body;
}
