/** Work that only so many may do at once. Nobody waits: whoever finds no place is told to come back. */
export class Places {
  private taken = 0;

  constructor(private readonly placesMax: number) {}

  /** Places that are taken. */
  get count(): number {
    return this.taken;
  }

  /** Takes a place; false when there is none. */
  take(): boolean {
    if (this.taken >= this.placesMax) return false;
    this.taken += 1;
    return true;
  }

  /** Gives a taken place back. */
  leave(): void {
    this.taken -= 1;
  }
}
