import { describe, expect, it } from '@jest/globals';
import { ChainFault, parseVkey, verifyExport } from '../src/index.js';
import type { VerifyExportOptions } from '../src/index.js';
import { bytes, hex, vectorsOf } from './vectors.js';

interface Input {
  /** The whole file as text. */
  readonly file: string;
  readonly vkeys: readonly string[];
  readonly lastSeen?: { readonly treeSize: number; readonly root: string };
}

function optionsOf({ vkeys, lastSeen }: Input): VerifyExportOptions {
  const keys = { vkeys: vkeys.map(parseVkey) };
  return lastSeen === undefined ? keys : { ...keys, lastSeen: { treeSize: lastSeen.treeSize, root: bytes(lastSeen.root) } };
}

describe('export files that verify', () => {
  it.each(vectorsOf<Input, { treeSize: number; root: string; sha256: string }>('export/valid'))('$why', async ({ input, expect: expected }) => {
    const { treeSize, root, sha256 } = await verifyExport([Buffer.from(input.file)], optionsOf(input));
    expect({ treeSize, root: hex(root), sha256 }).toEqual(expected);
  });
});

describe('export files that do not verify', () => {
  it.each(vectorsOf<Input, { code: string; leafIndex?: number }>('export/invalid'))('$why', async ({ input, expect: expected }) => {
    const fault: unknown = await verifyExport([Buffer.from(input.file)], optionsOf(input)).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ChainFault);
    const { code, detail } = fault as ChainFault;
    expect({ code, leafIndex: detail.leafIndex }).toEqual({ leafIndex: undefined, ...expected });
  });
});
