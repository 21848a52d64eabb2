import { describe, expect, it } from '@jest/globals';
import { liveValue } from '../src/index.js';

describe('a live value', () => {
  it('is parsed when its text changes; what cannot be parsed is told once and changes nothing', () => {
    let text = '1';
    const told: unknown[] = [];
    const value = liveValue(() => text, (given): { n: number } => JSON.parse(given) as { n: number }, (error) => told.push(error));
    const first = value();
    expect(value()).toBe(first);
    text = 'no JSON';
    expect([value(), value()]).toEqual([first, first]);
    expect(told).toEqual([expect.any(SyntaxError)]);
    text = '{"n":2}';
    expect(value()).toEqual({ n: 2 });
  });

  it('that cannot be parsed at first is none', () => {
    expect(() => liveValue(() => '', JSON.parse, () => undefined)).toThrow(SyntaxError);
  });
});
