import { GetSecretValueCommand, SecretsManagerClient, type GetSecretValueCommandOutput, type SecretsManagerClientConfig } from '@aws-sdk/client-secrets-manager';
import { SecretFault, type SecretFaultCode } from './secret-fault.js';
import { fieldOf, parseLocation, type SecretProvider, type SecretReading } from './secret-provider.js';

const ATTEMPTS_MAX = 3;
const CONNECT_TIMEOUT_MS = 2_000;
const ATTEMPT_TIMEOUT_MS = 3_000;
const CALL_TIMEOUT_MS = 12_000;

const CODES: Readonly<Record<string, SecretFaultCode>> = {
  ResourceNotFoundException: 'SECRET_NOT_FOUND',
  // The secret is marked for deletion.
  InvalidRequestException: 'SECRET_NOT_FOUND',
  InvalidParameterException: 'SECRET_MALFORMED',
  ValidationException: 'SECRET_MALFORMED',
  AccessDeniedException: 'SECRET_DENIED',
  DecryptionFailure: 'SECRET_DENIED',
  UnrecognizedClientException: 'SECRET_DENIED',
  InvalidClientTokenId: 'SECRET_DENIED',
  InvalidSignatureException: 'SECRET_DENIED',
  MissingAuthenticationTokenException: 'SECRET_DENIED',
  IncompleteSignature: 'SECRET_DENIED',
  ExpiredTokenException: 'SECRET_DENIED',
  CredentialsProviderError: 'SECRET_DENIED',
};

export interface AwsProviderOptions {
  readonly region: string;
  /** For a VPC endpoint. Default: AWS's own. */
  readonly endpoint?: string;
  /** Default: the SDK's chain (role of the pod or machine, profile). */
  readonly credentials?: SecretsManagerClientConfig['credentials'];
  readonly attemptTimeoutMs?: number;
}

/** AWS Secrets Manager. A location is a name or ARN; with `#field`, one text of a secret that is a JSON object. */
export class AwsProvider implements SecretProvider {
  readonly name = 'aws';
  private readonly client: SecretsManagerClient;

  constructor({ region, endpoint, credentials, attemptTimeoutMs }: AwsProviderOptions) {
    this.client = new SecretsManagerClient({
      region,
      endpoint,
      credentials,
      maxAttempts: ATTEMPTS_MAX,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
  }

  async read(location: string): Promise<SecretReading> {
    const { path, field } = parseLocation(location);
    const answer = await this.ask(path);
    const whole = answer.SecretString === undefined ? Buffer.from(answer.SecretBinary ?? []) : Buffer.from(answer.SecretString, 'utf8');
    const value = field === undefined ? whole : fieldOf(parseJson(whole), field);
    return { value, version: answer.VersionId, changedAtMs: answer.CreatedDate?.getTime() };
  }

  close(): void {
    this.client.destroy();
  }

  private async ask(SecretId: string): Promise<GetSecretValueCommandOutput> {
    try {
      return await this.client.send(new GetSecretValueCommand({ SecretId }), { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    } catch (error) {
      // The SDK's message may quote the answer: only the kind of error is passed on.
      const { name } = error as Error;
      throw new SecretFault(CODES[name] ?? 'SECRET_PROVIDER_UNAVAILABLE', `was not handed out by AWS Secrets Manager (${name})`);
    }
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new SecretFault('SECRET_MALFORMED', 'is not JSON, but a field of it is configured');
  }
}
