import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import {
  ed25519NoteSignature,
  formatCheckpointBody,
  mlDsa44Cosignature,
  sha256Hex,
  SIGNATURE_TYPE,
  vkeyOf,
  type NoteSignature,
  type TreeHead,
  type Vkey,
} from '@countersign/chain';
import type { CheckpointSigner } from './checkpoint-signer.js';
import { SealedFile, SealedFileError, type SealedFileOptions } from '@countersign/sealed-file';

/** Of the SHA-256 of an origin, as the name of its file. */
const NAME_CHARS = 32;

interface Store {
  readonly contentDigest: { readonly version: number; readonly key: string };
}

/** Private keys as PKCS#8 in base64. */
interface StoredKeys {
  readonly origin: string;
  readonly ed25519: string;
  readonly mlDsa44: string;
}

interface LogKeys {
  readonly ed25519: KeyObject;
  readonly mlDsa44: KeyObject;
  readonly vkeys: readonly Vkey[];
}

/** Signing keys in sealed local files, one a log: what a single machine has until a key service signs instead. */
export class LocalSigner implements CheckpointSigner {
  private readonly logs = new Map<string, Promise<LogKeys>>();

  private constructor(
    private readonly file: SealedFile<Store>,
    private readonly store: Store,
  ) {}

  /** Throws SealedFileError. */
  static async open(options: SealedFileOptions): Promise<LocalSigner> {
    const file = await SealedFile.open<Store>(options);
    if (file.content !== undefined) return new LocalSigner(file, file.content);
    const store = { contentDigest: { version: 1, key: randomBytes(32).toString('base64') } };
    return (await file.create(store)) ? new LocalSigner(file, store) : LocalSigner.open(options);
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

  /** What it signed lies in the archive, beside its keys. */
  async lastSigned(): Promise<undefined> {
    return undefined;
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
    const file = await this.file.beside<StoredKeys>(sha256Hex(origin).slice(0, NAME_CHARS));
    const known = file.content;
    if (known !== undefined) {
      // Under another log's name a key would sign for the wrong one.
      if (known.origin !== origin) throw new SealedFileError('SEALED_FILE_MALFORMED', `the sealed keys of ${origin} are those of another log`);
      return logKeys(origin, privateKey(known.ed25519), privateKey(known.mlDsa44));
    }
    const ed25519 = generateKeyPairSync('ed25519').privateKey;
    const mlDsa44 = generateKeyPairSync('ml-dsa-44').privateKey;
    const isMine = await file.create({ origin, ed25519: pkcs8(ed25519), mlDsa44: pkcs8(mlDsa44) });
    return isMine ? logKeys(origin, ed25519, mlDsa44) : this.openOrMake(origin);
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
