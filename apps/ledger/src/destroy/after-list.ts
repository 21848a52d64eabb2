/** A place in the list: behind a stretch, or still before it, where ledgers from one on are looked at first. */
export class AfterList {
  private constructor(
    readonly ledgerId: number,
    readonly from: number,
    readonly partClass: string,
    readonly isBefore: boolean,
  ) {}

  static readonly beginning = new AfterList(0, -1, '', true);

  static stretch({ ledgerId, from, class: partClass }: { readonly ledgerId: number; readonly from: number; readonly class: string }): AfterList {
    return new AfterList(ledgerId, from, partClass, false);
  }

  static before(ledgerId: number): AfterList {
    return new AfterList(ledgerId, -1, '', true);
  }

  /** Undefined for what is none. */
  static read(text: string): AfterList | undefined {
    const [, before, ledgerId, from, partClass = ''] = /^(?:before:(\d{1,9})|(\d{1,9}):(\d{1,16}):([a-z]+))$/.exec(text) ?? [];
    if (before !== undefined) return AfterList.before(Number(before));
    return ledgerId === undefined ? undefined : new AfterList(Number(ledgerId), Number(from), partClass, false);
  }

  toString(): string {
    return this.isBefore ? `before:${String(this.ledgerId)}` : `${String(this.ledgerId)}:${String(this.from)}:${this.partClass}`;
  }
}
