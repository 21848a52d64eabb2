import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ItemFault, Opened, PersonalCipher, PersonalPlace, Sealed, ToOpen, ToSeal } from '../src/index.js';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM under a key a subject, kept in memory; bound to its place as the real one is. */
export class MemoryCipher implements PersonalCipher {
  /** False: the key service does not answer. */
  answers = true;
  calls = 0;
  readonly #keys = new Map<string, Buffer | 'erased'>();

  erase(tenant: string, subject: string): void {
    this.#keys.set(`${tenant} ${subject}`, 'erased');
  }

  seal(items: readonly ToSeal[]): Promise<Sealed[]> {
    return this.#each(items, ({ tenant, subject, context, bytes }) => {
      const key = this.#key(tenant, subject);
      if ('fault' in key) return key;
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key.bytes, iv).setAAD(binding(context));
      const text = Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
      return { text: text.toString('base64url') };
    });
  }

  open(items: readonly ToOpen[]): Promise<Opened[]> {
    return this.#each(items, ({ tenant, subject, context, text }) => {
      const key = this.#key(tenant, subject);
      if ('fault' in key) return key;
      const sealed = Buffer.from(text, 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(0, IV_BYTES)).setAAD(binding(context)).setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        return { bytes: Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]) };
      } catch {
        return { fault: 'FIELD_NOT_AUTHENTIC' };
      }
    });
  }

  #key(tenant: string, subject: string): { readonly bytes: Buffer } | ItemFault {
    const name = `${tenant} ${subject}`;
    const key = this.#keys.get(name) ?? randomBytes(32);
    if (key === 'erased') return { fault: 'SUBJECT_ERASED' };
    this.#keys.set(name, key);
    return { bytes: key };
  }

  async #each<T, R>(items: readonly T[], one: (item: T) => R): Promise<R[]> {
    this.calls++;
    if (!this.answers) throw new Error('KEYS_OVERLOADED');
    return items.map(one);
  }
}

const binding = ({ tenant, table, column, row }: PersonalPlace): Buffer => Buffer.from(JSON.stringify([tenant, table, column, row]));
