import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { KEYS_BATCH_MAX } from '@countersign/contracts';
import { readKeysOptions } from '../src/keys/options.js';

describe('the command line after keys', () => {
  it('measures and records everything when it says nothing', () => {
    const { isRecorded, jsonFile, nodeArgs, scale } = readKeysOptions([]);
    expect({ isRecorded, jsonFile, nodeArgs }).toEqual({ isRecorded: true, jsonFile: undefined, nodeArgs: [] });
    expect(scale).toMatchObject({ rounds: 3, subjects: 50_000 });
  });

  it.each([[['--quick']], [['--no-record']], [['--node-args=--cpu-prof']]])('records nothing with %j', (args) => {
    expect(readKeysOptions(args).isRecorded).toBe(false);
  });

  it('measures less in a hurry, in whole requests, and still for as many subjects as are sealed for', () => {
    const { scale } = readKeysOptions(['--quick']);
    expect(scale.rounds).toBe(1);
    expect(scale.subjects).toBeGreaterThanOrEqual(10_000);
    expect(scale.subjects % KEYS_BATCH_MAX).toBe(0);
  });

  it('takes files and arguments of Node', () => {
    const { jsonFile, logFile, nodeArgs, isRecorded } = readKeysOptions(['--json', 'f.json', '--log', 'keys.log']);
    expect({ jsonFile, logFile, nodeArgs, isRecorded }).toEqual({ jsonFile: 'f.json', logFile: resolve('keys.log'), nodeArgs: [], isRecorded: true });
  });

  it('refuses what belongs to the other measurements', () => {
    expect(() => readKeysOptions(['--only', 'append'])).toThrow(expect.objectContaining({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' }));
    expect(() => readKeysOptions(['ledger'])).toThrow(expect.objectContaining({ code: 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL' }));
  });
});
