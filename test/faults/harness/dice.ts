import { randomInt } from 'node:crypto';

const SEED_MAX = 2 ** 31;

/** Random numbers that repeat for the same seed: mulberry32 (Tommy Ettinger, public domain). */
export class Dice {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 (included) to 1 (excluded). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)] as T;
  }
}

let seed: number | undefined;

/** The seed of this run: `FAULT_SEED`, or a fresh one. */
export function runSeed(): number {
  const given = process.env['FAULT_SEED'];
  seed ??= given === undefined ? randomInt(SEED_MAX) : Number(given);
  return seed;
}

/** Dice for one named part of the run, so that one case's throws do not depend on which other cases run. */
export function diceFor(name: string): Dice {
  let mixed = runSeed();
  for (let at = 0; at < name.length; at += 1) mixed = Math.imul(mixed ^ name.charCodeAt(at), 0x01000193);
  return new Dice(mixed);
}
