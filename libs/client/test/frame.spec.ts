import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FRAME_HEADER_BYTES, scanFrames, sealFrame } from '../src/spool/frame.js';

function segmentOf(payloads: readonly string[], segmentNumber = 7): Buffer {
  const buffers = payloads.map((payload, at) => {
    const buffer = Buffer.alloc(FRAME_HEADER_BYTES + Buffer.byteLength(payload));
    buffer.write(payload, FRAME_HEADER_BYTES, 'utf8');
    sealFrame(buffer, 0, buffer.length, { kind: 'events', segmentNumber, eventCount: 1, lastSequence: at + 1 });
    return buffer;
  });
  return Buffer.concat([...buffers, Buffer.alloc(64)]);
}

function payloadsIn(buffer: Buffer, segmentNumber = 7): string[] {
  return scanFrames(buffer, segmentNumber).frames.map(({ from, to }) => buffer.toString('utf8', from, to));
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
      expect(payloadsIn(Buffer.concat([whole.subarray(0, cut), Buffer.alloc(200)]))).toEqual(['first']);
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
    sealFrame(buffer, 0, buffer.length, { kind: 'header', segmentNumber: 1, eventCount: 0, lastSequence });
    expect(scanFrames(buffer, 1).frames).toMatchObject([{ kind: 'header', lastSequence }]);
  });
});
