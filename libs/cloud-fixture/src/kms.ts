import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { AwsRefusal } from './aws-refusal.js';

const HEAD_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

type Context = Readonly<Record<string, string>>;

interface Input {
  readonly KeyId?: string;
  readonly Plaintext?: string;
  readonly CiphertextBlob?: string;
  readonly EncryptionContext?: Context;
  readonly SourceKeyId?: string;
  readonly DestinationKeyId?: string;
  readonly SourceEncryptionContext?: Context;
  readonly DestinationEncryptionContext?: Context;
}

/** Symmetric keys of AWS KMS: they encrypt, and bind the encryption context. */
export class Kms {
  private readonly keys = new Map<string, { readonly bytes: Buffer; state: 'Enabled' | 'Disabled' | 'PendingDeletion' }>();

  createKey(): string {
    const id = [8, 4, 4, 4, 12].map((chars) => randomBytes(6).toString('hex').slice(0, chars)).join('-');
    const arn = `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
    this.keys.set(arn, { bytes: randomBytes(32), state: 'Enabled' });
    return arn;
  }

  setState(arn: string, state: 'Enabled' | 'Disabled' | 'PendingDeletion'): void {
    this.keys.get(arn)!.state = state;
  }

  answer(operation: string, input: Input): object {
    if (operation === 'Encrypt') return this.encrypt(input.KeyId ?? '', Buffer.from(input.Plaintext ?? '', 'base64'), input.EncryptionContext ?? {});
    if (operation === 'Decrypt') {
      const { arn, plaintext } = this.decrypt(input.CiphertextBlob ?? '', input.EncryptionContext ?? {}, input.KeyId);
      return { KeyId: arn, Plaintext: plaintext.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    }
    if (operation === 'ReEncrypt') {
      const { arn, plaintext } = this.decrypt(input.CiphertextBlob ?? '', input.SourceEncryptionContext ?? {}, input.SourceKeyId);
      return { ...this.encrypt(input.DestinationKeyId ?? '', plaintext, input.DestinationEncryptionContext ?? {}), SourceKeyId: arn };
    }
    if (operation === 'DescribeKey') {
      const key = this.keys.get(input.KeyId ?? '');
      if (key === undefined) throw new AwsRefusal('NotFoundException');
      return { KeyMetadata: { KeyId: input.KeyId, Arn: input.KeyId, Enabled: key.state === 'Enabled', KeyState: key.state, KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT', CreationDate: 1_767_225_600 } };
    }
    throw new AwsRefusal('UnknownOperationException');
  }

  private encrypt(arn: string, plaintext: Buffer, context: Context): object {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.usable(arn), iv).setAAD(contextBytes(context));
    const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    const blob = Buffer.concat([headOf(arn), iv, cipher.getAuthTag(), sealed]);
    return { KeyId: arn, CiphertextBlob: blob.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  }

  private decrypt(base64: string, context: Context, keyId: string | undefined): { arn: string; plaintext: Buffer } {
    const blob = Buffer.from(base64, 'base64');
    const arn = [...this.keys.keys()].find((one) => headOf(one).equals(blob.subarray(0, HEAD_BYTES)));
    if (arn === undefined || blob.length < HEAD_BYTES + IV_BYTES + TAG_BYTES) throw new AwsRefusal('InvalidCiphertextException');
    if (keyId !== undefined && keyId !== arn) throw new AwsRefusal('IncorrectKeyException');
    const iv = blob.subarray(HEAD_BYTES, HEAD_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.usable(arn), iv).setAAD(contextBytes(context));
    decipher.setAuthTag(blob.subarray(HEAD_BYTES + IV_BYTES, HEAD_BYTES + IV_BYTES + TAG_BYTES));
    try {
      return { arn, plaintext: Buffer.concat([decipher.update(blob.subarray(HEAD_BYTES + IV_BYTES + TAG_BYTES)), decipher.final()]) };
    } catch {
      throw new AwsRefusal('InvalidCiphertextException');
    }
  }

  private usable(arn: string): Buffer {
    const key = this.keys.get(arn);
    if (key === undefined) throw new AwsRefusal('NotFoundException');
    if (key.state === 'Disabled') throw new AwsRefusal('DisabledException');
    if (key.state === 'PendingDeletion') throw new AwsRefusal('KMSInvalidStateException');
    return key.bytes;
  }
}

const headOf = (arn: string): Buffer => hash('sha256', arn, 'buffer').subarray(0, HEAD_BYTES);

// The order of pairs does not matter to KMS, only which they are.
const contextBytes = (context: Context): Buffer => Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
