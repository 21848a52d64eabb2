import type { Logger } from '@countersign/runtime';

/** The same again within this is counted, and put on record as a number. */
const GATHER_MS = 5_000;
/** Different things being counted; beyond it they are put on record singly. */
const COUNTED_MAX = 10_000;

type Record = (count: number) => Promise<void>;

/** The first of a kind is put on record at once, repeats as a count, so that nobody fills the ledger by trying. */
export class Gathering {
  readonly #counted = new Map<string, { again: number; readonly flush: () => Promise<void> }>();

  constructor(private readonly log: Pick<Logger, 'error'>) {}

  /** Rejects when it cannot be put on record. `record` is called again with the count of repeats, if there are any. */
  async add(name: string, record: Record): Promise<void> {
    const counted = this.#counted.get(name);
    if (counted !== undefined) {
      counted.again += 1;
      return;
    }
    if (this.#counted.size < COUNTED_MAX) this.#count(name, record);
    await record(1);
  }

  /** Puts on record what was counted. */
  async stop(): Promise<void> {
    await Promise.all([...this.#counted.values()].map(({ flush }) => flush()));
  }

  #count(name: string, record: Record): void {
    const flush = async (): Promise<void> => {
      clearTimeout(timer);
      this.#counted.delete(name);
      if (entry.again > 0) await record(entry.again);
    };
    const timer = setTimeout(() => {
      flush().catch((error: unknown) => this.log.error({ err: error }, 'refusals are not on record'));
    }, GATHER_MS).unref();
    const entry = { again: 0, flush };
    this.#counted.set(name, entry);
  }
}
