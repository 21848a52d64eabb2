import { describe, expect, it } from '@jest/globals';
import { readOptions } from '../src/options.js';

describe('the command line', () => {
  it('measures and records everything when it says nothing', () => {
    const { phases, isRecorded, scale } = readOptions([]);
    expect([...phases]).toEqual(['append', 'latency', 'verify', 'proof']);
    expect(isRecorded).toBe(true);
    expect(scale.warmUpEvents).toBe(1_000_000);
  });

  it.each([[['--quick']], [['--only', 'verify']], [['--no-record']], [['--node-args=--cpu-prof']]])('records nothing with %j', (args) => {
    expect(readOptions(args).isRecorded).toBe(false);
  });

  it('takes several measurements and arguments of Node', () => {
    const { phases, nodeArgs } = readOptions(['--only', 'append,proof', '--node-args=--cpu-prof  --cpu-prof-dir=/p']);
    expect([...phases]).toEqual(['append', 'proof']);
    expect(nodeArgs).toEqual(['--cpu-prof', '--cpu-prof-dir=/p']);
  });

  it('refuses a measurement that it does not know', () => {
    expect(() => readOptions(['--only', 'speed'])).toThrow(new TypeError('--only takes append, latency, verify, proof, not speed'));
  });

  it('refuses an option that it does not know', () => {
    expect(() => readOptions(['--fast'])).toThrow(expect.objectContaining({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' }));
  });
});
