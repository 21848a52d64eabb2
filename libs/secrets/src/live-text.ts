import type { Logger } from '@countersign/runtime';
import type { Secrets } from './open-secrets.js';
import type { SecretFault } from './secret-fault.js';

/** A text that is always the newest. */
export interface LiveText {
  (): string;
  /** Tells that a server refused it, so that it is read again at once. */
  readonly refused: () => void;
}

/** The text of a secret, now and whenever it is rotated. Throws SecretFault. */
export async function openLiveText(all: Secrets, name: string, log: Pick<Logger, 'warn'>): Promise<LiveText> {
  let text = (await all.get(name)).text();
  all.onRotated(name, (secret) => {
    text = secret.text();
  });
  const refused = (): void => {
    all.refresh(name).catch((error: unknown) => log.warn({ secretName: name, code: (error as SecretFault).code }, 'a refused secret could not be read again'));
  };
  return Object.assign(() => text, { refused });
}

/**
 * What a text says, parsed whenever it has changed. One that cannot be parsed later on is told once, and what was said
 * before holds. Throws what `parse` throws for the first.
 */
export function liveValue<T>(text: () => string, parse: (text: string) => T, onMalformed: (error: unknown) => void): () => T {
  let seen = text();
  let value = parse(seen);
  return () => {
    const now = text();
    if (now === seen) return value;
    seen = now;
    try {
      value = parse(now);
    } catch (error) {
      onMalformed(error);
    }
    return value;
  };
}
