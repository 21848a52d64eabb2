import { crc32 } from 'node:zlib';
import { CanaryScan } from '@countersign/devstack';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FRAME_HEADER_BYTES, openFrame, salvaged, scanFrames, sealFrame } from '../src/spool/frame.js';
import { SpoolKey } from '../src/spool/spool-key.js';

const KEY = SpoolKey.fresh();

function segmentOf(payloads: readonly string[], fileNumber = 7): Buffer {
  const fileKey = KEY.freshFileKey();
  let position = 0;
  const frames = payloads.map((text, at) => {
    const payload = Buffer.from(text);
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
    position += sealFrame(frame, payload, { kind: 'events', fileNumber, eventCount: 1, lastSequence: at + 1 }, fileKey, position);
    return frame;
  });
  return Buffer.concat([...frames, Buffer.alloc(64)]);
}

function payloadsIn(buffer: Buffer, fileNumber = 7): (string | undefined)[] {
  return scanFrames(buffer, fileNumber).frames.map((frame) => openFrame(buffer, frame, KEY, frame.start)?.toString('utf8'));
}

describe('frames of a spool file', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 8 }), (payloads) => {
        const scan = scanFrames(segmentOf(payloads), 7);
        expect(payloadsIn(segmentOf(payloads))).toEqual(payloads);
        expect(scan.damage).toEqual([]);
        expect(scan.frames.map((frame) => frame.lastSequence)).toEqual(payloads.map((_, at) => at + 1));
      }),
    );
  });

  it('a last frame cut at any byte is passed over and those before it stay', () => {
    const whole = segmentOf(['first', 'second']);
    const one = segmentOf(['first']).length - 64;
    for (let cut = one; cut < whole.length - 64; cut++) {
      expect(payloadsIn(whole.subarray(0, cut))).toEqual(['first']);
      // Where what was cut off is zeros, as one end in 256 is, the file's own zeros put it back.
      const isWhole = whole.subarray(cut, whole.length - 64).every((byte) => byte === 0);
      expect(payloadsIn(Buffer.concat([whole.subarray(0, cut), Buffer.alloc(200)]))).toEqual(isWhole ? ['first', 'second'] : ['first']);
    }
  });

  it('any changed bit in the middle is found, with its range, and costs that frame only', () => {
    const whole = segmentOf(['first', 'second', 'third']);
    const from = segmentOf(['first']).length - 64;
    const to = segmentOf(['first', 'second']).length - 64;
    fc.assert(
      fc.property(fc.integer({ min: from, max: to - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] as number) ^ (1 << bit);
        expect(payloadsIn(changed)).toEqual(['first', 'third']);
        expect(scanFrames(changed, 7).damage).toEqual([{ from, to }]);
      }),
      { numRuns: 300 },
    );
  });

  it('frames of the file’s earlier life do not count', () => {
    const earlier = segmentOf(['old one', 'old two'], 3);
    const fresh = segmentOf(['new'], 7);
    fresh.copy(earlier, 0, 0, fresh.length - 64);
    expect(payloadsIn(earlier)).toEqual(['new']);
    expect(scanFrames(earlier, 7).damage).toEqual([]);
  });

  it('keeps sequences beyond 32 bits', () => {
    const buffer = Buffer.alloc(FRAME_HEADER_BYTES);
    const lastSequence = Number.MAX_SAFE_INTEGER;
    sealFrame(buffer, Buffer.alloc(0), { kind: 'header', fileNumber: 1, eventCount: 0, lastSequence }, KEY.freshFileKey(), 0);
    expect(scanFrames(buffer, 1).frames).toMatchObject([{ kind: 'header', lastSequence }]);
  });
});

/** The checksum of the frame at `start`, made to fit again: what somebody would do who changes a spool. */
function withChecksum(buffer: Buffer, start: number): Buffer {
  const end = start + FRAME_HEADER_BYTES + buffer.readUInt32LE(start + 12);
  buffer.writeUInt32LE(crc32(buffer.subarray(start + 24, end), crc32(buffer.subarray(start, start + 20))), start + 20);
  return buffer;
}

describe('frames are encrypted', () => {
  const text = 'Rosalind Quillfeather-Obi';

  it('none of their text is in the file, and one payload never looks the same twice', () => {
    const one = segmentOf([text, text]);
    expect(new CanaryScan({ text }).find(one)).toEqual([]);
    const [first, second] = scanFrames(one, 7).frames;
    expect(one.subarray(first?.from, first?.to).equals(one.subarray(second?.from, second?.to))).toBe(false);
    expect(payloadsIn(one)).toEqual([text, text]);
  });

  it('any changed bit of any byte is refused, whatever the checksum says', () => {
    const whole = segmentOf([text]);
    for (let at = 4; at < whole.length - 64; at++) {
      if ((at >= 4 && at < 16) || (at >= 20 && at < 24)) continue;
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ 4;
      expect(payloadsIn(withChecksum(changed, 0))).toEqual([undefined]);
    }
  });

  it('one of another place, file or spool, or of the same file’s earlier life, is refused', () => {
    const whole = segmentOf(['one', 'two']);
    const length = FRAME_HEADER_BYTES + 3;
    const swapped = Buffer.concat([whole.subarray(length, 2 * length), whole.subarray(0, length)]);
    expect(payloadsIn(swapped)).toEqual([undefined, undefined]);
    expect(payloadsIn(Buffer.concat([whole.subarray(0, length), whole.subarray(0, length)]))).toEqual(['one', undefined]);
    const other = segmentOf(['one'], 8);
    other.writeUInt32LE(7, 8);
    expect(payloadsIn(withChecksum(other, 0))).toEqual([undefined]);
    const [frame] = scanFrames(whole, 7).frames;
    expect(openFrame(whole, frame!, SpoolKey.fresh(), 0)).toBe(undefined);
    expect(openFrame(whole, frame!, KEY, 0)?.toString()).toBe('one');
  });

  it('of a damaged one, people can read what is left', () => {
    const whole = segmentOf(['the quick brown fox']);
    whole[FRAME_HEADER_BYTES + 4] = (whole[FRAME_HEADER_BYTES + 4] as number) ^ 1;
    expect(payloadsIn(whole)).toEqual([]);
    expect(salvaged(whole, KEY).toString('latin1')).toContain('the puick brown fox');
  });
});
