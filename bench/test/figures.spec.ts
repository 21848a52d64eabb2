import { describe, expect, it } from '@jest/globals';
import { figuresTable, type Figures } from '../src/figures.js';
import { keysTable } from '../src/keys/figures.js';
import { rounded } from '../src/table.js';

const figures: Figures = { append_plain_per_s: 812.4, append_vs_plain: 11.96, receipt_p99_ms: 49.96, verify_per_s: 312_345.6 };

describe('the table', () => {
  it('holds what was measured, judged by its target, and nothing else', () => {
    const lines = figuresTable(figures).split('\n').map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
    expect(lines.slice(2)).toEqual([
      ['(a) plain design: a transaction an event, 8 clients', '812', 'events/s', '', ''],
      ['(c) / (a)', '12.0', '×', '≥ 12, aim 25', 'MISS'],
      ['emit to receipt at 1,000 events/s, p99', '50.0', 'ms', '≤ 50', 'PASS'],
      ['full verification from the stored bytes', '312,346', 'entries/s', '≥ 300,000, aim 500,000', 'PASS'],
    ]);
  });

  it('says what was missed', () => {
    expect(figuresTable({ verify_per_s: 299_999 })).toContain('MISS');
    expect(figuresTable({ loop_delay_max_ms: 50.1 })).toContain('MISS');
  });
});

describe('figures for the JSON', () => {
  it('keep their names, and are cut, never carried over a target', () => {
    expect(rounded({ append_vs_plain: 11.9999, receipt_p99_ms: 49.96 })).toEqual({ append_vs_plain: 11.999, receipt_p99_ms: 49.96 });
  });
});

describe('the table of the keys', () => {
  it('holds what was measured, judged by its target, and nothing else', () => {
    const lines = keysTable({ data_key_p99_ms: 7.126, field_open_per_s: 99_999.9, field_seal_per_s: 100_000 })
      .split('\n')
      .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
    expect(lines.slice(2)).toEqual([
      ['fields sealed, 256 bytes, one core', '100,000', 'fields/s', '≥ 100,000', 'PASS'],
      ['fields opened, 256 bytes, one core', '100,000', 'fields/s', '≥ 100,000', 'MISS'],
      ['data key from the key service, p99', '7.13', 'ms', '', ''],
    ]);
  });
});
