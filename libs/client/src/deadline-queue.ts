/** First in, first out, each with the same patience: one timer serves all. */
export class DeadlineQueue<Item> {
  #items: { readonly item: Item; readonly dueMs: number }[] = [];
  #head = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly timeoutMs: number,
    readonly expired: (item: Item) => void,
  ) {}

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push({ item, dueMs: performance.now() + this.timeoutMs });
    this.#arm();
  }

  /** Removes items from the front as long as `accept` takes them. */
  takeWhile(accept: (item: Item) => boolean): void {
    while (this.length > 0 && accept((this.#items[this.#head] as { item: Item }).item)) this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#head >= 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  #arm(): void {
    if (this.#timer !== undefined || this.length === 0) return;
    const waitMs = (this.#items[this.#head] as { dueMs: number }).dueMs - performance.now();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#expire();
    }, Math.max(0, Math.ceil(waitMs)));
  }

  #expire(): void {
    const nowMs = performance.now();
    const late: Item[] = [];
    while (this.length > 0 && (this.#items[this.#head] as { dueMs: number }).dueMs <= nowMs) {
      late.push((this.#items[this.#head] as { item: Item }).item);
      this.#head++;
    }
    this.takeWhile(() => false);
    for (const item of late) this.expired(item);
    this.#arm();
  }
}
