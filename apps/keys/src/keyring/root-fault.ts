import { KeysFault } from '../domain/keys-fault.js';
import { RootKeyFault } from '../root/root-key-fault.js';

/** A root key that cannot be had now is a refusal with a code of its own; anything else of it accuses the installation. */
export async function rootFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RootKeyFault && error.code === 'ROOT_KEY_UNAVAILABLE') throw new KeysFault('ROOT_KEY_UNAVAILABLE', 'the root key cannot be reached now');
    throw error;
  }
}
