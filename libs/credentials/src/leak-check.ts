import { hash } from 'node:crypto';
import { normalisePassword } from './password-text.js';

/** `unknown`: nobody could be asked; ask again later. */
export type LeakVerdict = 'leaked' | 'clean' | 'unknown';

/** Whether a password is among those that were leaked elsewhere. */
export type LeakCheck = (password: string) => Promise<LeakVerdict>;

export interface RangeApiOptions {
  readonly fetch: typeof fetch;
  /** Of Have I Been Pwned or a mirror of it, without the slash at the end. */
  readonly baseUrl?: string;
  /** The API asks for one that names the caller. */
  readonly userAgent: string;
  readonly timeoutMs?: number;
}

const BASE_URL = 'https://api.pwnedpasswords.com';
const TIMEOUT_MS = 3_000;
/** With padding an answer has 800 to 1,000 lines of some 40 bytes. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const PREFIX_CHARS = 5;
const LINE = /^([0-9A-F]{35}):(\d{1,12})$/;

/** SHA-1 in upper-case hex, as the leaked passwords are published. */
export const leakDigest = (password: string): string => hash('sha1', normalisePassword(password), 'hex').toUpperCase();

/**
 * Asks by the first five digits of the SHA-1 (k-anonymity), with padding, so that not even the size of the answer tells who is asked for.
 * Whatever goes wrong is `unknown`: nobody is kept from a password because somebody else's service is away.
 * https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange
 */
export function rangeApiLeakCheck({ fetch, baseUrl = BASE_URL, userAgent, timeoutMs = TIMEOUT_MS }: RangeApiOptions): LeakCheck {
  return async (password) => {
    const digest = leakDigest(password);
    try {
      const answer = await fetch(`${baseUrl}/range/${digest.slice(0, PREFIX_CHARS)}`, {
        headers: { 'add-padding': 'true', 'user-agent': userAgent },
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = answer.status === 200 ? await readWithin(answer, ANSWER_BYTES_MAX) : undefined;
      return text === undefined ? 'unknown' : verdictOf(text, digest.slice(PREFIX_CHARS));
    } catch {
      return 'unknown';
    }
  };
}

/** A page of a proxy or a cut answer is no list: without a single line, or with one that is something else, nothing is known. */
function verdictOf(text: string, suffix: string): LeakVerdict {
  const lines = text.split(/\r?\n/).filter((line) => line !== '').map((line) => LINE.exec(line));
  if (lines.length === 0 || lines.includes(null)) return 'unknown';
  // Padding has count 0.
  return lines.some((line) => line?.[1] === suffix && Number(line[2]) > 0) ? 'leaked' : 'clean';
}

async function readWithin(answer: Response, bytesMax: number): Promise<string | undefined> {
  if (answer.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Leaked when any says so; clean when all do; otherwise unknown. */
export function anyLeakCheck(checks: readonly LeakCheck[]): LeakCheck {
  return async (password) => {
    const verdicts = await Promise.all(checks.map((check) => check(password)));
    if (verdicts.includes('leaked')) return 'leaked';
    return verdicts.length > 0 && verdicts.every((verdict) => verdict === 'clean') ? 'clean' : 'unknown';
  };
}
