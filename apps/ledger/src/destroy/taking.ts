import type { StoredParts } from './stored-parts.js';
import type { StretchName } from './stretch-id.js';

/** Of the 64 KiB that an event may have. */
export const STATEMENT_BYTES_MAX = 48 * 1024;

/** What goes of one stretch, and what of it stays. */
export interface Taken {
  readonly id: string;
  readonly name: StretchName;
  readonly going: readonly StoredParts[];
  readonly staying: readonly StoredParts[];
  /** Ids under a hold for which something stays. Empty when something stays for want of room: then it is there to be ordered again. */
  readonly keptFor: readonly string[];
}

export interface Spoken {
  readonly types: readonly string[];
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** What of ordered stretches one statement has room for. Pure. */
export class Taking {
  readonly taken: Taken[] = [];
  readonly #types = new Set<string>();
  #ranges: [number, number][] = [];
  #bytes = 0;

  constructor(
    private readonly held: ReadonlySet<string>,
    private readonly bytesMax = STATEMENT_BYTES_MAX,
  ) {}

  /** False when nothing of it has room any more; the first stretch always has some. */
  add(id: string, name: StretchName, stored: readonly StoredParts[]): boolean {
    const isHeld = ({ names }: StoredParts): boolean => names.some((one) => this.held.has(one));
    const end = this.#roomUntil(name, stored, isHeld);
    if (end === name.from) return false;
    const going = stored.filter((one) => one.leafIndex < end && !isHeld(one));
    const staying = stored.filter((one) => one.leafIndex >= end || isHeld(one));
    const keptFor = end < name.to ? [] : [...new Set(staying.flatMap(({ names }) => names.filter((one) => this.held.has(one))))];
    this.taken.push({ id, name, going, staying, keptFor });
    return true;
  }

  get spoken(): Spoken {
    return { types: [...this.#types].sort(), ranges: joined(this.#ranges) };
  }

  /** Takes room for runs of what goes, each of which ends where something of the same class stays; returns where the room ends. */
  #roomUntil({ from: start, to: end }: StretchName, stored: readonly StoredParts[], isHeld: (one: StoredParts) => boolean): number {
    let open: [number, number] | undefined;
    let from = start;
    for (const one of stored) {
      if (isHeld(one)) {
        open = undefined;
        from = one.leafIndex + 1;
        continue;
      }
      const cost = (this.#types.has(one.type) ? 0 : JSON.stringify(one.type).length + 1) + (open === undefined ? RANGE_BYTES : 0);
      if (this.#bytes + cost > this.bytesMax) return from;
      this.#bytes += cost;
      this.#types.add(one.type);
      if (open === undefined) this.#ranges.push((open = [from, one.leafIndex + 1]));
      else open[1] = one.leafIndex + 1;
      from = one.leafIndex + 1;
    }
    // What is of another class, or has no parts, is in nobody's way.
    if (open !== undefined) open[1] = end;
    return end;
  }
}

/** Two numbers of 53 bits with brackets and commas. */
const RANGE_BYTES = 36;

function joined(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const result: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}
