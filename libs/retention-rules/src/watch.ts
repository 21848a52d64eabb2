import { coverageOf, type Hold } from './hold.js';
import { all, ANCHORED, anchorTest, type Anchor, type Test } from './query.js';
import type { Resource } from './resource.js';

/** A hold among many. */
export interface Watched {
  readonly hold: Hold;
  /** What type, class and organisation decide. */
  readonly fixed: Test | undefined;
  readonly rest: Test | undefined;
}

/** Values under which holds are found, and prefixes of them. */
interface Shelf {
  readonly read: (resource: Resource) => string | undefined;
  readonly whole: Map<string, Watched[]>;
  readonly prefixes: Map<string, Watched[]>;
  /** Of the prefixes. */
  readonly lengths: Set<number>;
}

/** Holds by what they name: those that name nobody and nothing are `others`. Each is found at most once for a resource, the oldest first in every list. */
export class Watches {
  readonly others: Watched[] = [];
  readonly #shelves = new Map<Anchor['field'], Shelf>();

  /** Throws RetentionRulesFault QUERY_MALFORMED. */
  constructor(holds: readonly Hold[]) {
    for (const hold of [...holds].sort(byAge)) this.#add(hold);
  }

  /** Lists of holds that name the resource, to be asked for the rest. */
  naming(resource: Resource): (readonly Watched[])[] {
    const found: (readonly Watched[])[] = [];
    for (const { read, whole, prefixes, lengths } of this.#shelves.values()) {
      const value = read(resource);
      if (value === undefined) continue;
      const exact = whole.get(value);
      if (exact !== undefined) found.push(exact);
      for (const length of lengths) {
        const begun = length <= value.length ? prefixes.get(value.slice(0, length)) : undefined;
        if (begun !== undefined) found.push(begun);
      }
    }
    return found;
  }

  #add(hold: Hold): void {
    const { fixed, anchors: [first, ...more], rest } = coverageOf(hold);
    const watched: Watched = { hold, fixed, rest: all([...more.map(anchorTest), ...(rest === undefined ? [] : [rest])]) };
    if (first === undefined) {
      this.others.push(watched);
      return;
    }
    const { whole, prefixes, lengths } = this.#shelfOf(first.field);
    for (const value of first.whole) listed(whole, value).push(watched);
    for (const prefix of first.prefixes) {
      listed(prefixes, prefix).push(watched);
      lengths.add(prefix.length);
    }
  }

  #shelfOf(field: Anchor['field']): Shelf {
    const known = this.#shelves.get(field) ?? { read: ANCHORED[field], whole: new Map(), prefixes: new Map(), lengths: new Set() };
    this.#shelves.set(field, known);
    return known;
  }
}

/** By when they were placed, then by id: the order in which they are told. */
export const byAge = (a: Hold, b: Hold): number => a.placedMs - b.placedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

function listed<V>(map: Map<string, V[]>, name: string): V[] {
  const known = map.get(name) ?? [];
  map.set(name, known);
  return known;
}
