import { usageError } from '../exit-code.js';

/** An option's whole number from 1 to `max`. Throws CliError. */
export function wholeOf(option: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw usageError(`${option} must be a whole number from 1 to ${max}`);
  return value;
}
