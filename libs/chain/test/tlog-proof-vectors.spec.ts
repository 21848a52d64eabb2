import { describe, expect, it } from '@jest/globals';
import { formatTlogProof, parseTlogProof, parseVkey, verifyTlogProof } from '../src/index.js';
import type { FaultCode } from '../src/index.js';
import { bytes, faultOf, hex, vectorsOf } from './vectors.js';

interface Input {
  readonly proof: string;
  readonly entry: string;
  readonly origin: string;
  readonly vkeys: readonly string[];
}

const verify = ({ proof, entry, origin, vkeys }: Input) =>
  verifyTlogProof(proof, { entry: bytes(entry), origin, vkeys: vkeys.map(parseVkey) });

describe('proof files', () => {
  it.each(vectorsOf<Input, unknown>('tlog-proof/valid'))('$why', ({ input, expect: expected }) => {
    const parsed = parseTlogProof(input.proof);
    expect(formatTlogProof(parsed)).toBe(input.proof);
    const { leafIndex, leafHash, checkpoint } = verify(input);
    const read = { leafIndex, leafHash: hex(leafHash), treeSize: checkpoint.treeSize, hashes: parsed.proof.length };
    expect(parsed.extra === undefined ? read : { ...read, extra: hex(parsed.extra) }).toEqual(expected);
  });
});

describe('proof files that are refused', () => {
  it.each(vectorsOf<Input, { fault: FaultCode }>('tlog-proof/invalid'))('$why', async ({ input, expect: { fault } }) => {
    expect(await faultOf(() => verify(input))).toBe(fault);
  });

  const { input } = vectorsOf<Input, unknown>('tlog-proof/valid')[0]!;
  const good = parseTlogProof(input.proof);
  it.each<[string, FaultCode, () => string]>([
    ['an index of 1.5', 'PROOF_MALFORMED', () => formatTlogProof({ ...good, leafIndex: 1.5 })],
    ['a hash of 31 bytes', 'PROOF_MALFORMED', () => formatTlogProof({ ...good, proof: [Buffer.alloc(31)] })],
    ['54 hashes', 'PROOF_MALFORMED', () => formatTlogProof({ ...good, proof: Array.from({ length: 54 }, () => Buffer.alloc(32)) })],
    ['over 64 KiB of extra data', 'PROOF_MALFORMED', () => formatTlogProof({ ...good, extra: Buffer.alloc(64 * 1024 + 1) })],
    ['a text instead of a checkpoint', 'NOTE_MALFORMED', () => formatTlogProof({ ...good, checkpointNote: 'text\n' })],
  ])('no proof file is written with %s', async (_name, fault, write) => {
    expect(await faultOf(write)).toBe(fault);
  });

  it('empty extra data leaves no line', () => {
    expect(formatTlogProof({ ...good, extra: Buffer.alloc(0) })).toBe(input.proof);
  });

  it('a proof file has a bounded length', async () => {
    expect(await faultOf(() => parseTlogProof(input.proof + 'x'.repeat(2 * 1024 * 1024)))).toBe('PROOF_MALFORMED');
  });
});
