import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ask, type BusConnection } from '@countersign/bus';
import { keysReplySchema, keysSubject, KEYS_OPERATIONS, type KeysArgsInput, type KeysOperation, type KeysReply, type KeysRequest, type KeysResult } from '@countersign/contracts';
import { formatX25519, MessageFault, nkeyPrivateKey, nkeyPublicKey, openReply, openSealedReply, signRequest } from '@countersign/envelope';
import { unlessAborted } from '@countersign/runtime';
import { isPassing, KeyClientError } from './key-client-error.js';

const TIMEOUT_MS_DEFAULT = 5_000;
const NONCE_BYTES = 16;

export interface KeyClientOptions {
  /** Connected as the service itself: the bus lets it ask in its own name only. */
  readonly bus: BusConnection;
  /** Name under which the key service knows this service. */
  readonly service: string;
  /** The service's nkey seed, which signs the requests; a function is asked for each: a rotated seed needs no restart. Or its file. */
  readonly nkeySeed?: string | (() => string);
  readonly nkeySeedFile?: string;
  /**
   * Public nkey of the key service (`U…`), or the file that holds it: answers by anybody else are refused. Two, on lines of
   * their own, while it is replaced; the file is read again when an answer is by none of them.
   */
  readonly keysPublicKey?: string;
  readonly keysPublicKeyFile?: string;
  readonly timeoutMs?: number;
  /** Told of each request whether the key service was there to answer it. */
  readonly onReached?: (isReached: boolean) => void;
  readonly clock?: () => number;
}

export interface Answer<O extends KeysOperation> {
  readonly result: KeysResult<O>;
  /** Key bytes, 32 each; whoever takes them zeroes them. Empty for operations that carry none. */
  readonly keys: readonly Buffer[];
}

/** Asks the key service: signed requests, verified answers, key bytes sealed to this request alone (docs/spec/keys-api.md). */
export class KeyClient {
  readonly service: string;
  readonly bus: BusConnection;
  readonly #signingKey: () => KeyObject;
  readonly #keysPublicKeyFile: string | undefined;
  #keysPublicKeys: readonly KeyObject[];
  readonly #timeoutMs: number;
  readonly #clock: () => number;
  readonly #onReached: (isReached: boolean) => void;
  readonly #gone = new AbortController();
  #isEnding = false;

  /** Throws MessageFault NKEY_MALFORMED. */
  constructor(options: KeyClientOptions) {
    this.service = options.service;
    this.bus = options.bus;
    this.#signingKey = signingKeyOf(options.nkeySeed ?? readFileSync(options.nkeySeedFile ?? '', 'utf8'));
    this.#keysPublicKeyFile = options.keysPublicKey === undefined ? (options.keysPublicKeyFile ?? '') : undefined;
    this.#keysPublicKeys = publicKeysOf(options.keysPublicKey ?? readFileSync(this.#keysPublicKeyFile!, 'utf8'));
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#clock = options.clock ?? Date.now;
    this.#onReached = options.onReached ?? (() => undefined);
  }

  /** Throws KeyClientError. */
  async ask<O extends KeysOperation>(operation: O, args: KeysArgsInput<O>): Promise<Answer<O>> {
    const pair = generateKeyPairSync('x25519');
    const request: KeysRequest = {
      service: this.service,
      operation,
      issuedAt: new Date(this.#clock()).toISOString(),
      nonce: randomBytes(NONCE_BYTES).toString('base64url'),
      ephemeral: formatX25519(pair.publicKey),
      args,
    };
    const message = signRequest(Buffer.from(JSON.stringify(request)), this.#signingKey());
    const reply = await this.#exchange(operation, message);
    if ('error' in reply) {
      const { code, message: text, ...detail } = reply.error;
      this.#onReached(!isPassing(code));
      throw new KeyClientError(code, text, detail);
    }
    this.#onReached(true);
    try {
      if ('sealed' in reply) {
        const { result, keys } = openSealedReply(reply.sealed, pair, request);
        return { result: KEYS_OPERATIONS[operation].result.parse(result) as KeysResult<O>, keys };
      }
      // A result in the clear cannot carry keys: one who took them from the bus must not be able to say so.
      if (KEYS_OPERATIONS[operation].sealed) throw new Error('the result is not sealed');
      return { result: KEYS_OPERATIONS[operation].result.parse(reply.result) as KeysResult<O>, keys: [] };
    } catch (cause) {
      throw new KeyClientError('KEYS_REPLY_INVALID', `${operation}: the answer is not valid`, {}, { cause });
    }
  }

  /**
   * This process ends: the first question from now on that nobody answers is the last. It rejects every other one with KEYS_UNAVAILABLE,
   * so that steps of a shutdown do not wait for the key service one after the other. While it answers nothing changes.
   */
  endSoon(): void {
    this.#isEnding = true;
  }

  async #exchange(operation: string, message: Buffer): Promise<KeysReply> {
    const subject = keysSubject(operation, this.service);
    let data: Uint8Array;
    try {
      ({ data } = await unlessAborted(this.#request(operation, subject, message), this.#gone.signal));
    } catch (cause) {
      this.#onReached(false);
      if (this.#isEnding) this.#gone.abort();
      throw new KeyClientError('KEYS_UNAVAILABLE', `${subject}: the key service does not answer`, {}, { cause });
    }
    try {
      return keysReplySchema.parse(JSON.parse(this.#opened(data, message).toString('utf8')));
    } catch (cause) {
      throw new KeyClientError('KEYS_REPLY_INVALID', `${subject}: the answer is not by the key service to this request`, {}, { cause });
    }
  }

  async #request(operation: string, subject: string, message: Buffer): Promise<{ readonly data: Uint8Array }> {
    this.#gone.signal.throwIfAborted();
    return ask(this.bus, `keys.${operation}`, subject, message, this.#timeoutMs);
  }

  /** Throws MessageFault when it is by none of the keys. */
  #opened(data: Uint8Array, message: Buffer): Buffer {
    try {
      return openedByOne(data, message, this.#keysPublicKeys);
    } catch (error) {
      if (this.#keysPublicKeyFile === undefined) throw error;
      this.#keysPublicKeys = publicKeysOf(readFileSync(this.#keysPublicKeyFile, 'utf8'));
      return openedByOne(data, message, this.#keysPublicKeys);
    }
  }
}

function openedByOne(data: Uint8Array, message: Buffer, publicKeys: readonly KeyObject[]): Buffer {
  const [last, ...others] = publicKeys.toReversed();
  for (const publicKey of others.toReversed()) {
    try {
      return openReply(data, message, publicKey);
    } catch (error) {
      if (!(error instanceof MessageFault)) throw error;
    }
  }
  return openReply(data, message, last!);
}

const publicKeysOf = (text: string): readonly KeyObject[] => text.trim().split(/\s+/).map(nkeyPublicKey);

function signingKeyOf(given: string | (() => string)): () => KeyObject {
  let seed = typeof given === 'string' ? given : given();
  let key = nkeyPrivateKey(seed);
  if (typeof given === 'string') return () => key;
  return () => {
    const now = given();
    if (now !== seed) [key, seed] = [nkeyPrivateKey(now), now];
    return key;
  };
}
