import { hash } from 'node:crypto';
import { DecryptCommand, DescribeKeyCommand, EncryptCommand, KMSClient, ReEncryptCommand, type KMSClientConfig } from '@aws-sdk/client-kms';
import { RootKeyFault, type RootKeyFaultCode } from './root-key-fault.js';
import { checkContext, checkKeyBytes, fromBase64url, parseWrapped, WRAPPED_KEY_BYTES, type RootKeyContext, type RootKeyDescription, type RootKeyProvider } from './root-key-provider.js';

const TAG = 'kms';
const FINGERPRINT_CHARS = 16;
const ATTEMPTS_MAX = 3;
const CONNECT_TIMEOUT_MS = 2_000;
const ATTEMPT_TIMEOUT_MS = 3_000;
/** Of a call with all its attempts. */
const CALL_TIMEOUT_MS = 12_000;
const ARN = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/;

const CODES: Readonly<Record<string, RootKeyFaultCode>> = {
  InvalidCiphertextException: 'ROOT_KEY_NOT_AUTHENTIC',
  IncorrectKeyException: 'ROOT_KEY_NOT_AUTHENTIC',
  NotFoundException: 'ROOT_KEY_UNKNOWN',
  AccessDeniedException: 'ROOT_KEY_DENIED',
  DisabledException: 'ROOT_KEY_DENIED',
  KMSInvalidStateException: 'ROOT_KEY_DENIED',
  InvalidKeyUsageException: 'ROOT_KEY_DENIED',
  UnrecognizedClientException: 'ROOT_KEY_DENIED',
  InvalidClientTokenId: 'ROOT_KEY_DENIED',
  InvalidSignatureException: 'ROOT_KEY_DENIED',
  MissingAuthenticationTokenException: 'ROOT_KEY_DENIED',
  IncompleteSignature: 'ROOT_KEY_DENIED',
  ExpiredTokenException: 'ROOT_KEY_DENIED',
  CredentialsProviderError: 'ROOT_KEY_DENIED',
};

export interface AwsKmsOptions {
  /** ARN of a symmetric key; not an alias, which could be pointed at another key. */
  readonly keyArn: string;
  /** Keys that were `keyArn` before: they unwrap until nothing is under them. */
  readonly previousKeyArns?: readonly string[];
  readonly region: string;
  /** For a VPC endpoint. Default: AWS's own. */
  readonly endpoint?: string;
  /** Default: the SDK's chain (role of the pod or machine, profile). */
  readonly credentials?: KMSClientConfig['credentials'];
  readonly attemptTimeoutMs?: number;
}

/**
 * A key of AWS KMS. The context travels as encryption context, which KMS authenticates and writes to CloudTrail. KMS's own
 * yearly rotation is invisible here; another ARN is what counts as another root key.
 */
export class AwsKmsRootKey implements RootKeyProvider {
  readonly name = 'aws-kms';
  private readonly client: KMSClient;
  private readonly arns: ReadonlyMap<string, string>;
  private readonly current: string;

  constructor(private readonly options: AwsKmsOptions) {
    const arns = [options.keyArn, ...(options.previousKeyArns ?? [])];
    for (const arn of arns) if (!ARN.test(arn)) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', `not the ARN of a KMS key: ${arn}`);
    this.arns = new Map(arns.map((arn) => [fingerprint(arn), arn]));
    this.current = fingerprint(options.keyArn);
    this.client = new KMSClient({
      region: options.region,
      endpoint: options.endpoint,
      credentials: options.credentials,
      maxAttempts: ATTEMPTS_MAX,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
  }

  async wrap(context: RootKeyContext, keyBytes: Uint8Array): Promise<string> {
    checkKeyBytes(keyBytes);
    const EncryptionContext = encryptionContext(context);
    const { CiphertextBlob } = await this.asking('Encrypt', (request) => this.client.send(new EncryptCommand({ KeyId: this.options.keyArn, Plaintext: keyBytes, EncryptionContext }), request));
    return this.format('Encrypt', CiphertextBlob);
  }

  async unwrap(context: RootKeyContext, text: string): Promise<Buffer> {
    const { KeyId, CiphertextBlob } = this.parse(text);
    const EncryptionContext = encryptionContext(context);
    const { Plaintext } = await this.asking('Decrypt', (request) => this.client.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionContext }), request));
    if (Plaintext?.length !== WRAPPED_KEY_BYTES) throw new RootKeyFault('ROOT_KEY_NOT_AUTHENTIC', `KMS unwrapped something that is no key of ${WRAPPED_KEY_BYTES} bytes`);
    return Buffer.from(Plaintext.buffer, Plaintext.byteOffset, Plaintext.length);
  }

  async rewrap(context: RootKeyContext, text: string): Promise<string> {
    const { KeyId: SourceKeyId, CiphertextBlob: blob } = this.parse(text);
    const bound = encryptionContext(context);
    const command = new ReEncryptCommand({ CiphertextBlob: blob, SourceKeyId, DestinationKeyId: this.options.keyArn, SourceEncryptionContext: bound, DestinationEncryptionContext: bound });
    const { CiphertextBlob } = await this.asking('ReEncrypt', (request) => this.client.send(command, request));
    return this.format('ReEncrypt', CiphertextBlob);
  }

  rootKeyOf(text: string): string {
    return split(text).fingerprint;
  }

  async isCurrent(text: string): Promise<boolean> {
    return split(text).fingerprint === this.current;
  }

  async describe(): Promise<RootKeyDescription> {
    const { KeyMetadata: key } = await this.asking('DescribeKey', (request) => this.client.send(new DescribeKeyCommand({ KeyId: this.options.keyArn }), request));
    if (key?.Enabled !== true) throw new RootKeyFault('ROOT_KEY_DENIED', `${this.options.keyArn} is ${key?.KeyState ?? 'not enabled'}`);
    const versions = [...this.arns.keys()].map((id) => (id === this.current ? { id, createdAt: key.CreationDate?.toISOString() } : { id }));
    return { provider: this.name, key: this.options.keyArn, current: this.current, versions, protection: 'remote' };
  }

  close(): void {
    this.client.destroy();
  }

  private format(operation: string, blob: Uint8Array | undefined): string {
    if (blob === undefined || blob.length === 0) throw new RootKeyFault('ROOT_KEY_UNAVAILABLE', `KMS ${operation}: the answer has no ciphertext`);
    return ['r1', TAG, this.current, Buffer.from(blob).toString('base64url')].join(':');
  }

  private parse(text: string): { KeyId: string; CiphertextBlob: Buffer } {
    const { fingerprint: id, blob } = split(text);
    const arn = this.arns.get(id);
    if (arn === undefined) throw new RootKeyFault('ROOT_KEY_UNKNOWN', 'the key was wrapped under a KMS key that is neither the configured one nor a previous one');
    return { KeyId: arn, CiphertextBlob: blob };
  }

  private async asking<T>(operation: string, send: (request: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await send({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    } catch (error) {
      const { name } = error as Error;
      throw new RootKeyFault(CODES[name] ?? 'ROOT_KEY_UNAVAILABLE', `KMS ${operation}: ${name}`);
    }
  }
}

function split(text: string): { fingerprint: string; blob: Buffer } {
  const [id = '', blob = '', ...more] = parseWrapped(TAG, text);
  if (id.length !== FINGERPRINT_CHARS || more.length > 0) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', 'not a key wrapped by KMS');
  return { fingerprint: id, blob: fromBase64url(blob) };
}

const fingerprint = (arn: string): string => hash('sha256', arn, 'base64url').slice(0, FINGERPRINT_CHARS);

function encryptionContext(context: RootKeyContext): Record<string, string> {
  checkContext(context);
  return { 'countersign:use': context.use, 'countersign:owner': context.owner, 'countersign:key-id': context.keyId };
}
