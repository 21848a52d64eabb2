const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = BigInt(ALPHABET.length);

/** A number, most significant digit first, filled with zeros on the left. The number must fit. */
export function toBase62(value: bigint, chars: number): string {
  let text = '';
  for (let rest = value; text.length < chars; rest /= BASE) text = ALPHABET[Number(rest % BASE)]! + text;
  return text;
}

/** undefined for anything but digits of base 62. */
export function fromBase62(text: string): bigint | undefined {
  let value = 0n;
  for (const char of text) {
    const digit = ALPHABET.indexOf(char);
    if (digit < 0) return undefined;
    value = value * BASE + BigInt(digit);
  }
  return value;
}

export const bytesToBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
