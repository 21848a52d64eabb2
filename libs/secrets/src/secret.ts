import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { SecretFault } from './secret-fault.js';

export interface SecretOrigin {
  readonly name: string;
  readonly provider: string;
  /** As the provider names it. */
  readonly version?: string;
  /** When this value was put there, as the provider knows it; Unix time, milliseconds. */
  readonly changedAtMs?: number;
}

/** A value that shows itself only to whoever asks by name: not in logs, JSON, templates or a debugger's `inspect`. */
export class Secret {
  readonly #value: Buffer;

  constructor(
    readonly origin: SecretOrigin,
    value: Buffer,
  ) {
    this.#value = value;
  }

  /** Throws SecretFault SECRET_MALFORMED when it is not UTF-8. */
  text(): string {
    if (!isUtf8(this.#value)) throw new SecretFault('SECRET_MALFORMED', `${this.origin.name} is not text`);
    return this.#value.toString('utf8');
  }

  /** A copy, to zero after use. */
  bytes(): Buffer {
    return Buffer.from(this.#value);
  }

  hasSameValue(other: Secret): boolean {
    return this.#value.equals(other.#value);
  }

  toString(): string {
    return `[secret ${this.origin.name}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
