import { ExportVerifier } from '@countersign/chain';
import type { VerifiedExport } from '@countersign/chain';
import type { NamedKey } from '../keys.js';
import type { VerifierMemory } from '../memory.js';
import type { Progress } from '../progress.js';

export interface StreamCheck {
  readonly keys: readonly NamedKey[];
  readonly memory: VerifierMemory;
  readonly progress: Progress;
  /** Called with every chunk before it is verified. */
  readonly onChunk?: (chunk: Uint8Array) => Promise<void> | void;
}

export interface CheckedStream extends VerifiedExport {
  readonly bytes: number;
  readonly seconds: number;
  /** Size of the tree seen before, if any. */
  readonly consistentWith: number | undefined;
}

/** Verifies an export as it arrives, against keys and against what was seen before; then remembers it. Throws ChainFault. */
export async function verifyStream(chunks: AsyncIterable<Uint8Array>, check: StreamCheck): Promise<CheckedStream> {
  const { keys, memory, progress, onChunk } = check;
  const startedMs = performance.now();
  const lastSeen = memory.lastSeen(keys);
  const verifier = new ExportVerifier({ vkeys: keys.map(({ vkey }) => vkey), lastSeen });
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await onChunk?.(chunk);
      verifier.push(chunk);
      bytes += chunk.length;
      progress.update(verifier.progress.entries, verifier.progress.treeSize);
    }
    const whole = verifier.finish();
    await memory.remember(keys, { treeSize: whole.treeSize, root: whole.root, note: whole.note });
    return { ...whole, bytes, seconds: (performance.now() - startedMs) / 1000, consistentWith: lastSeen?.treeSize };
  } finally {
    progress.stop();
  }
}
