/**
 * Bytes of many events side by side, each text followed by a line feed. Events stay in these buffers, outside the
 * garbage collector's heap, from `emit` to their receipt: encoded once, written to the spool and copied into messages from here.
 */
export class Chunk {
  /** Entries whose bytes are here. */
  live = 0;

  constructor(
    readonly buffer: Buffer,
    readonly pool: ChunkPool | undefined,
  ) {}

  release(): void {
    if (--this.live === 0) this.pool?.give(this);
  }
}

/** Freed chunks that wait to be used again, so that memory is not asked for and returned hundreds of times a second. */
const FREE_CHUNKS_MAX = 64;

/** Counts and reuses chunks. */
export class ChunkPool {
  /** Bytes of all chunks in use. */
  residentBytes = 0;
  readonly #free: Buffer[] = [];

  constructor(readonly chunkBytes: number) {}

  take(): Chunk {
    return this.adopt(this.#free.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes));
  }

  /** Counts a buffer that was made elsewhere. */
  adopt(buffer: Buffer): Chunk {
    this.residentBytes += buffer.length;
    return new Chunk(buffer, this);
  }

  give(chunk: Chunk): void {
    this.residentBytes -= chunk.buffer.length;
    if (chunk.buffer.length === this.chunkBytes && this.#free.length < FREE_CHUNKS_MAX) this.#free.push(chunk.buffer);
  }
}
