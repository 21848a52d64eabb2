const WORD_BYTES = 4;

/** Text of an entry between its values, as words: four bytes at a time are compared in a quarter of the time. */
class Literal {
  readonly words: Uint32Array;
  /** The last word begins here; it may overlap the one before. */
  readonly lastAt: number;

  constructor(text: string) {
    const bytes = Buffer.from(text, 'latin1');
    this.lastAt = bytes.length - WORD_BYTES;
    const starts = Array.from({ length: Math.ceil(bytes.length / WORD_BYTES) }, (_, i) => Math.min(i * WORD_BYTES, this.lastAt));
    this.words = Uint32Array.from(starts, (at) => bytes.readUInt32LE(at));
  }
}

// In canonical order (docs/spec/ledger-format.md, "Entry").
const ACTOR_ID = new Literal('{"actor":{"id":"');
const ACTOR_TYPE = new Literal(',"type":"');
const CORRELATION_ID = new Literal(',"correlationId":"');
const ID = new Literal(',"id":"');
const INDEX = new Literal('","index":');
const OUTCOME = new Literal(',"outcome":"');
const PARTS = new Literal(',"parts":[');
const PART = new Literal('{"bytes":');
const DIGEST = new Literal(',"digest":"');
const SALTED = new Literal('","enc":"salted"');
const V2 = new Literal('","enc":"v2"');
const DATA = new Literal(',"name":"data"}');
const PERSONAL = new Literal(',"name":"personal","subject":"');
const LINK = new Literal('],"previousEventHash":"');
const PRODUCER = new Literal('","producer":{"id":"');
const SEQUENCE = new Literal(',"sequence":');
const RECORDED_AT = new Literal(',"recordedAt":"');
const RESOURCE = new Literal(',"resource":{"id":"');
const SEVERITY = new Literal(',"severity":"');
const SOURCE = new Literal(',"source":"');
const TENANT = new Literal(',"tenant":"');

const UUID_CHARS = 36;
/** Where the bytes of a UUID stand in its text, two characters each, and the hyphens between (RFC 9562 §4). */
const UUID_AT = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);
const HYPHENS_AT = Uint8Array.of(8, 13, 18, 23);
const HYPHEN = 0x2d;
/** Both characters of each octet in lower-case hex, as a little-endian number. */
const HEX = Uint16Array.from({ length: 256 }, (_, octet) => Buffer.from(octet.toString(16).padStart(2, '0')).readUInt16LE(0));
const HASH_CHARS = 64;
const QUOTE = 0x22;
const COMMA = 0x2c;
const FIRST_PRINTABLE = 0x20;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const CLOSING_BRACE = 0x7d;

/**
 * Reads an entry's bytes from its beginning to its tenant, and finds what the chain's checks read, without making a
 * string of any. Reads nothing that is written otherwise than `chainEntry` writes it. To be called in order:
 * `begin`, `part` until it is false, `rest`. Places are offsets in the whole `bytes.buffer`.
 */
export class EntryScanner {
  /** Where the event's id stands, 36 characters. */
  idAt = 0;
  index = 0;
  /** Of the last part that was read: its stored length, and where the 64 characters of its digest stand. */
  partBytes = 0;
  digestAt = 0;
  isData = false;
  /** Where the 64 characters of `previousEventHash` stand. */
  linkAt = 0;
  recordedAt = 0;
  recordedAtEnd = 0;
  tenantAt = 0;
  tenantEnd = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private view = new DataView(this.bytes.buffer);
  private at = 0;
  private end = 0;

  /** Reads up to the list of parts. False when it is not an entry. */
  begin(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes.buffer !== this.bytes.buffer) {
      this.bytes = new Uint8Array(bytes.buffer);
      this.view = new DataView(bytes.buffer);
    }
    this.at = bytes.byteOffset + start;
    this.end = bytes.byteOffset + end;
    if (!(this.text(ACTOR_ID) && this.string() && this.text(ACTOR_TYPE) && this.string() && this.byte(CLOSING_BRACE))) return false;
    if (this.text(CORRELATION_ID) && !this.string()) return false;
    if (!this.text(ID)) return false;
    this.idAt = this.at;
    this.at += UUID_CHARS;
    if (!this.text(INDEX)) return false;
    this.index = this.decimal();
    return this.text(OUTCOME) && this.string() && this.text(PARTS);
  }

  /** Reads the next part of the list. False when there is none. */
  part(): boolean {
    if (!this.text(PART)) return false;
    this.partBytes = this.decimal();
    if (!this.text(DIGEST)) return false;
    this.digestAt = this.at;
    this.at += HASH_CHARS;
    if (!this.text(SALTED) && !this.text(V2)) return false;
    this.isData = this.text(DATA);
    if (!this.isData && !(this.text(PERSONAL) && this.subject() && this.byte(CLOSING_BRACE))) return false;
    this.byte(COMMA);
    return true;
  }

  /** Reads on from the list of parts. False when it was not at its end, or what follows is not an entry's. */
  rest(): boolean {
    if (!this.text(LINK)) return false;
    this.linkAt = this.at;
    this.at += HASH_CHARS;
    if (this.text(PRODUCER)) {
      if (!(this.string() && this.text(SEQUENCE))) return false;
      this.decimal();
      if (!this.byte(CLOSING_BRACE)) return false;
    } else if (!this.byte(QUOTE)) return false;
    if (!this.text(RECORDED_AT)) return false;
    this.recordedAt = this.at;
    if (!this.string()) return false;
    this.recordedAtEnd = this.at - 1;
    if (this.text(RESOURCE) && !(this.string() && this.text(ACTOR_TYPE) && this.string() && this.byte(CLOSING_BRACE))) return false;
    if (!(this.text(SEVERITY) && this.string() && this.text(SOURCE) && this.string() && this.text(TENANT))) return false;
    this.tenantAt = this.at;
    if (!this.string()) return false;
    this.tenantEnd = this.at - 1;
    return true;
  }

  /** Whether the text at `at` is `hash` in lower-case hex. */
  isHex(at: number, hash: Uint8Array): boolean {
    const { view } = this;
    for (let i = 0; i < HASH_CHARS / 2; i++) if (view.getUint16(at + 2 * i, true) !== HEX[hash[i]!]) return false;
    return true;
  }

  /** Whether the text at `at` is the UUID whose 16 bytes stand at `uuidAt`. */
  isUuid(at: number, uuid: Uint8Array, uuidAt: number): boolean {
    const { view } = this;
    for (let i = 0; i < UUID_AT.length; i++) if (view.getUint16(at + UUID_AT[i]!, true) !== HEX[uuid[uuidAt + i]!]) return false;
    for (let i = 0; i < HYPHENS_AT.length; i++) if (view.getUint8(at + HYPHENS_AT[i]!) !== HYPHEN) return false;
    return true;
  }

  isText(start: number, end: number, expected: Uint8Array): boolean {
    const { bytes } = this;
    if (end - start !== expected.length) return false;
    for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
    return true;
  }

  latin1(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, start, end - start).toString('latin1');
  }

  private text({ words, lastAt }: Literal): boolean {
    const { view, at } = this;
    if (at + lastAt + WORD_BYTES > this.end) return false;
    const last = words.length - 1;
    for (let i = 0; i < last; i++) if (view.getUint32(at + WORD_BYTES * i, true) !== words[i]) return false;
    if (view.getUint32(at + lastAt, true) !== words[last]) return false;
    this.at = at + lastAt + WORD_BYTES;
    return true;
  }

  private byte(expected: number): boolean {
    if (this.at >= this.end || this.bytes[this.at] !== expected) return false;
    this.at += 1;
    return true;
  }

  /** Goes behind the quotation mark that ends a string: the first that no backslash escapes. */
  private string(): boolean {
    const { bytes, end } = this;
    for (let at = this.at; at < end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.at = at + 1;
        return true;
      }
      if (byte === BACKSLASH) at += 1;
    }
    return false;
  }

  /** A string as entries write it: not empty, no control character, and no escape but of a quotation mark and a backslash. */
  private subject(): boolean {
    const { bytes, end, at: start } = this;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.at = at + 1;
        return at > start;
      }
      if (byte < FIRST_PRINTABLE) return false;
      if (byte !== BACKSLASH) continue;
      at += 1;
      if (bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) return false;
    }
    return false;
  }

  private decimal(): number {
    const { bytes, end } = this;
    let at = this.at;
    let value = 0;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
    }
    this.at = at;
    return value;
  }
}
