import { describe, expect, it } from '@jest/globals';
import { staleTemplates } from '../src/postgres-cluster.js';

describe('templates of clusters', () => {
  it('of days before go, and what others make right now stays', () => {
    const stem = 'countersign-initdb-18.4.0-999-day';
    const names = ['day20779', 'day20778.AbCdEf', 'day20779.AbCdEf', 'day20780', 'day20780.AbCdEf', 'day20780.GhIjKl'].map((end) => stem.replace('day', end));
    expect(staleTemplates([...names, 'countersign-initdb-18.4.0-1000-day1', 'something else'], stem, 20_780)).toEqual(names.slice(0, 2));
  });
});
