import { CredentialFault } from './fault.js';

/** Code points (requirement I2; NIST SP 800-63B-4 §3.1.1.2: 15 when it is the only factor, 8 beside a second; no rules of composition). */
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 256;
/** UTF-16 units; beyond that no code point is counted. */
const UNITS_MAX = PASSWORD_LENGTH_MAX * 2;

const codePoints = (text: string): number => [...text].length;

/**
 * The one form of a password: NFKC (NIST SP 800-63B-4 §3.1.1.2), so that it is the same from every keyboard.
 * @throws CredentialFault PASSWORD_NOT_TEXT, PASSWORD_TOO_LONG
 */
export function normalisePassword(text: string): string {
  if (text.length > UNITS_MAX) throw tooLong();
  if (!text.isWellFormed()) throw new CredentialFault('PASSWORD_NOT_TEXT', 'a password is text that UTF-8 can hold');
  const normal = text.normalize('NFKC');
  // One character may stand for eighteen: both forms are counted.
  if (Math.max(codePoints(text), codePoints(normal)) > PASSWORD_LENGTH_MAX) throw tooLong();
  return normal;
}

const tooLong = (): CredentialFault => new CredentialFault('PASSWORD_TOO_LONG', `a password has at most ${PASSWORD_LENGTH_MAX} characters`);

/** Lower case, letters and digits only: `Acme-Corp 1` and `acmecorp1` are one guess. */
const bare = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/**
 * A password that somebody chooses. `expected`: what anybody would try first for this account, such as its e-mail address, names and the name of
 * the service; refused when it is the whole password, or the password repeats it.
 * @returns the normalised password
 * @throws CredentialFault PASSWORD_NOT_TEXT, PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_GUESSABLE
 */
export function admitPassword(text: string, expected: readonly string[]): string {
  const normal = normalisePassword(text);
  if (Math.min(codePoints(text), codePoints(normal)) < PASSWORD_LENGTH_MIN) {
    throw new CredentialFault('PASSWORD_TOO_SHORT', `a password has at least ${PASSWORD_LENGTH_MIN} characters`);
  }
  const words = expected.flatMap((word) => [word, word.split('@')[0] ?? '']).map(bare);
  const guess = bare(normal);
  const isGuessable = words.some((word) => word.length > 0 && guess === word.repeat(Math.max(1, Math.round(guess.length / word.length))));
  if (isGuessable) throw new CredentialFault('PASSWORD_GUESSABLE', 'a password is not the name of a person or of the service');
  return normal;
}
