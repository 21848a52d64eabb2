import { describe, expect, it } from '@jest/globals';
import { mean, median, quantile } from '../src/quantile.js';

const oneToHundred = Array.from({ length: 100 }, (_, i) => 100 - i);

describe('quantile', () => {
  it.each([
    [0.5, 50],
    [0.99, 99],
    [0.991, 100],
    [1, 100],
    [0, 1],
  ])('%d of 1 to 100, in any order, is %d', (share, value) => {
    expect(quantile(oneToHundred, share)).toBe(value);
  });

  it('of nothing is no number', () => {
    expect(quantile([], 0.99)).toBeNaN();
  });

  it('leaves its input as it is', () => {
    const values = [3, 1, 2];
    quantile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('median and mean', () => {
  it.each([
    [[5, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
    [[7], 7],
  ])('median of %j is %d', (values, value) => {
    expect(median(values)).toBe(value);
  });

  it('mean of numbers', () => {
    expect(mean([1, 2, 6])).toBe(3);
  });
});
