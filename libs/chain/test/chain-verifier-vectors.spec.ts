import { describe, expect, it } from '@jest/globals';
import { ChainFault, ChainVerifier, RightEdge } from '../src/index.js';
import type { ChainVerifierOptions, StoredEntry } from '../src/index.js';
import { bytes, hex, vectorsOf } from './vectors.js';

interface Stored {
  readonly leafIndex?: number;
  readonly eventId?: string;
  readonly entry: string;
  readonly data: string | null;
  readonly personal: readonly (string | null)[];
}
interface Start {
  readonly index: number;
  readonly previousEventHash: string;
  readonly recordedAt: string;
  /** Hashes of each level's partial tile. */
  readonly partialTiles: readonly string[];
}
interface Input {
  readonly origin: string;
  readonly tenant: string;
  readonly start?: Start;
  readonly treeSize: number;
  /** As signed at that size. */
  readonly root: string;
  readonly entries: readonly Stored[];
}

const part = (base64: string | null): Buffer | null => (base64 === null ? null : Buffer.from(base64, 'base64'));

function storedEntry({ entry, data, personal, ...keys }: Stored): StoredEntry {
  return { ...keys, entry: Buffer.from(entry), data: part(data), personal: personal.map(part) };
}

function optionsOf({ origin, tenant, treeSize, start }: Input, shape: 'strict' | 'scan'): ChainVerifierOptions {
  if (start === undefined) return { origin, tenant, treeSize, shape };
  const { index, previousEventHash, recordedAt } = start;
  const edge = RightEdge.fromPartialTiles(index, start.partialTiles.map(bytes));
  return { origin, tenant, treeSize, shape, start: { index, previousEventHash, recordedAt, edge } };
}

/** Reads the whole ledger and holds it against the signed root. */
function verify(input: Input, shape: 'strict' | 'scan'): { lastEventHash: string; root: string } {
  const verifier = new ChainVerifier(optionsOf(input, shape));
  for (const stored of input.entries) verifier.add(storedEntry(stored));
  verifier.finish(bytes(input.root));
  const root = hex(verifier.root());
  if (root !== input.root) throw new ChainFault('ROOT_MISMATCH', 'the entries make another tree than was signed');
  return { lastEventHash: verifier.state().previousEventHash, root };
}

function judge(input: Input, shape: 'strict' | 'scan'): { fault?: string; leafIndex?: number } {
  try {
    verify(input, shape);
    return {};
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    const { leafIndex } = fault.detail;
    return leafIndex === undefined ? { fault: fault.code } : { fault: fault.code, leafIndex };
  }
}

const invalid = vectorsOf<Input, { fault: string; leafIndex?: number }>('chain/invalid');

describe('ledgers that hold', () => {
  it.each(vectorsOf<Input, unknown>('chain/valid'))('$why', ({ input, expect: expected }) => {
    expect(verify(input, 'strict')).toEqual(expected);
    expect(verify(input, 'scan')).toEqual(expected);
  });
});

describe('ledgers that do not hold', () => {
  it.each(invalid)('$why', ({ input, expect: expected }) => {
    expect(judge(input, 'strict')).toEqual(expected);
  });
});

describe('ledgers that do not hold, read by the quick scan', () => {
  // The form of an entry is what the quick scan leaves to the signed root.
  it.each(invalid.filter(({ expect: { fault } }) => fault !== 'ENTRY_MALFORMED'))('$why', ({ input, expect: expected }) => {
    expect(judge(input, 'scan')).toEqual(expected);
  });
});
