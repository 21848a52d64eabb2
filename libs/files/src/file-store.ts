/** Where encrypted files lie. Whoever runs it sees names, sizes and times, and nothing of what they hold. */
export interface FileStore {
  /** Durable, and whole, when it resolves; nothing of this name is there after a rejection, or what was there before. Rejects with FILE_STORE_UNAVAILABLE, or as `content` does. */
  put(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes [from, to), fewer at the end of the file. Rejects with FILE_MISSING, FILE_STORE_UNAVAILABLE. */
  read(name: string, from: number, to: number): Promise<Buffer>;
  /** Gone when it resolves; nothing happens when it was not there. Rejects with FILE_STORE_UNAVAILABLE. */
  remove(name: string): Promise<void>;
  /** The same, and of what a `put` of this name has left that was killed; nobody may be putting it now. */
  discard(name: string): Promise<void>;
  close(): void;
}

/** Names are ours: nothing in them leads out of a folder. */
export const FILE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function checkName(name: string): string {
  if (!FILE_NAME.test(name)) throw new RangeError('a name has 1 to 64 of A-Z, a-z, 0-9, _ and -');
  return name;
}
