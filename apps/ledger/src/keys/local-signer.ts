import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import {
  ed25519NoteSignature,
  formatCheckpointBody,
  mlDsa44Cosignature,
  SIGNATURE_TYPE,
  vkeyOf,
  type NoteSignature,
  type TreeHead,
  type Vkey,
} from '@countersign/chain';
import type { CheckpointSigner } from './checkpoint-signer.js';
import { SealedFile, type SealedFileOptions } from './sealed-file.js';

interface KeyStore {
  readonly contentDigest: { readonly version: number; readonly key: string };
  /** PKCS#8 in base64, by origin. */
  readonly logs: Record<string, { readonly ed25519: string; readonly mlDsa44: string }>;
}

interface LogKeys {
  readonly ed25519: KeyObject;
  readonly mlDsa44: KeyObject;
  readonly vkeys: readonly Vkey[];
}

/** Signing keys in a sealed local file: what a single machine has until a key service signs instead. */
export class LocalSigner implements CheckpointSigner {
  private readonly logs = new Map<string, Promise<LogKeys>>();
  private lastWrite: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: SealedFile<KeyStore>,
    private store: KeyStore,
  ) {}

  static async open(options: SealedFileOptions): Promise<LocalSigner> {
    const file = await SealedFile.open<KeyStore>(options);
    const signer = new LocalSigner(file, file.initial ?? { contentDigest: { version: 1, key: randomBytes(32).toString('base64') }, logs: {} });
    if (file.initial === undefined) await file.write(signer.store);
    return signer;
  }

  /** Key of the digests that tell a retry from a reused event id. */
  get contentDigestKey(): { readonly version: number; readonly key: Buffer } {
    const { version, key } = this.store.contentDigest;
    return { version, key: Buffer.from(key, 'base64') };
  }

  async vkeys(origin: string): Promise<readonly Vkey[]> {
    return (await this.keysOf(origin)).vkeys;
  }

  async sign(head: TreeHead, timestampSeconds: number): Promise<readonly NoteSignature[]> {
    const { ed25519, mlDsa44 } = await this.keysOf(head.origin);
    return [
      ed25519NoteSignature(head.origin, ed25519, formatCheckpointBody(head)),
      mlDsa44Cosignature(head.origin, mlDsa44, head, timestampSeconds),
    ];
  }

  private keysOf(origin: string): Promise<LogKeys> {
    let keys = this.logs.get(origin);
    if (keys === undefined) {
      keys = this.openOrMake(origin);
      keys.catch(() => this.logs.delete(origin));
      this.logs.set(origin, keys);
    }
    return keys;
  }

  private async openOrMake(origin: string): Promise<LogKeys> {
    const known = this.store.logs[origin];
    if (known !== undefined) return logKeys(origin, privateKey(known.ed25519), privateKey(known.mlDsa44));
    const ed25519 = generateKeyPairSync('ed25519').privateKey;
    const mlDsa44 = generateKeyPairSync('ml-dsa-44').privateKey;
    const made = { ed25519: pkcs8(ed25519), mlDsa44: pkcs8(mlDsa44) };
    // One write after the other: the file is replaced whole.
    this.lastWrite = this.lastWrite.catch(() => undefined).then(() => this.add(origin, made));
    await this.lastWrite;
    return logKeys(origin, ed25519, mlDsa44);
  }

  private async add(origin: string, made: { ed25519: string; mlDsa44: string }): Promise<void> {
    const store = { ...this.store, logs: { ...this.store.logs, [origin]: made } };
    await this.file.write(store);
    this.store = store;
  }
}

function logKeys(origin: string, ed25519: KeyObject, mlDsa44: KeyObject): LogKeys {
  const vkeys = [
    vkeyOf(origin, SIGNATURE_TYPE.ed25519, createPublicKey(ed25519)),
    vkeyOf(origin, SIGNATURE_TYPE.mlDsa44Cosignature, createPublicKey(mlDsa44)),
  ];
  return { ed25519, mlDsa44, vkeys };
}

const pkcs8 = (key: KeyObject): string => key.export({ format: 'der', type: 'pkcs8' }).toString('base64');
const privateKey = (base64: string): KeyObject => createPrivateKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'pkcs8' });
