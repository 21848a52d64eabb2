import { describe, expect, it } from '@jest/globals';
import { uuidV7Source } from '../src/event-id.js';

describe('event ids', () => {
  it('are version 7 UUIDs of the clock’s millisecond, and differ', () => {
    const instants = [0, 1, 1_645_557_742_000, 2 ** 48 - 1];
    for (const nowMs of instants) {
      const newId = uuidV7Source(() => nowMs);
      const ids = Array.from({ length: 2_000 }, newId);
      expect(new Set(ids).size).toBe(ids.length);
      for (const id of ids) {
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(nowMs);
      }
    }
  });

  it('use every random bit', () => {
    const newId = uuidV7Source(() => 0);
    const seen = Array.from({ length: 2_000 }, newId).map((id) => BigInt(`0x${id.replaceAll('-', '')}`));
    for (let bit = 0n; bit < 76n; bit++) {
      // Bits 62 and 63 are the variant.
      if (bit === 62n || bit === 63n) continue;
      expect(seen.filter((id) => (id >> bit) & 1n).length).toBeGreaterThan(800);
    }
  });
});
