import { AwsRefusal } from './aws-refusal.js';
import { FaultSwitch } from './fault-switch.js';
import { startHttp, type Answer, type Exchange } from './http-server.js';
import { Kms } from './kms.js';
import { StoredSecrets } from './stored-secrets.js';
import { signatureFault, type Credentials } from './sigv4.js';

const REGION = 'eu-central-1';
const CREDENTIALS: Credentials = { accessKeyId: 'AKIDFIXTURE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+fixture' };
const SERVICES = { TrentService: 'kms', secretsmanager: 'secretsmanager' } as const;

/** KMS and Secrets Manager on one local address. */
export interface AwsFixture {
  readonly url: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly faults: FaultSwitch;
  readonly kms: Kms;
  readonly secrets: StoredSecrets;
  close(): Promise<void>;
}

const refusal = (type: string, status = 400): Answer => ({ status, body: { __type: type, message: `fixture: ${type}` } });

/** Starts a server that speaks AWS's JSON 1.1 protocol and checks every signature. */
export async function startAws(): Promise<AwsFixture> {
  const [faults, kms, secrets] = [new FaultSwitch(), new Kms(), new StoredSecrets()];
  const answer = (exchange: Exchange): Answer => {
    const [prefix = '', operation = ''] = String(exchange.headers['x-amz-target'] ?? '').split('.');
    const service = SERVICES[prefix as keyof typeof SERVICES];
    if (service === undefined || exchange.headers['content-type'] !== 'application/x-amz-json-1.1') return refusal('UnknownOperationException');
    const fault = signatureFault(exchange, service, REGION, CREDENTIALS, Date.now());
    if (fault !== undefined) return refusal(fault, 403);
    try {
      const input = JSON.parse(exchange.body.toString('utf8')) as object;
      return { status: 200, body: service === 'kms' ? kms.answer(operation, input) : secrets.answer(operation, input) };
    } catch (error) {
      return error instanceof AwsRefusal ? refusal(error.type) : refusal('SerializationException');
    }
  };
  const refusals = { denied: refusal('AccessDeniedException'), error: refusal('InternalFailure', 500), throttled: refusal('ThrottlingException') };
  const { url, close } = await startHttp({ faults, answer, refusals, contentType: 'application/x-amz-json-1.1' });
  return { url, close, faults, kms, secrets, region: REGION, credentials: CREDENTIALS };
}
