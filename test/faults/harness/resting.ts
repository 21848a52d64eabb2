import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './dice.js';

/** Waits a random time of `least` to `most` milliseconds. */
export async function rest(dice: Dice, least: number, most: number): Promise<void> {
  await sleep(dice.whole(least, most));
}
