import { AwsRefusal } from './aws-refusal.js';

interface Version {
  readonly id: string;
  readonly value: { readonly SecretString: string } | { readonly SecretBinary: string };
  readonly createdSeconds: number;
}

/** What AWS Secrets Manager stores, by name. */
export class StoredSecrets {
  private readonly secrets = new Map<string, Version>();
  private versions = 0;

  put(name: string, value: string | Buffer, createdSeconds: number): void {
    this.versions += 1;
    const id = `00000000-0000-4000-8000-${String(this.versions).padStart(12, '0')}`;
    this.secrets.set(name, { id, value: typeof value === 'string' ? { SecretString: value } : { SecretBinary: value.toString('base64') }, createdSeconds });
  }

  delete(name: string): void {
    this.secrets.delete(name);
  }

  answer(operation: string, input: { readonly SecretId?: string; readonly VersionStage?: string }): object {
    if (operation !== 'GetSecretValue') throw new AwsRefusal('UnknownOperationException');
    const name = input.SecretId ?? '';
    const secret = this.secrets.get(name);
    if (secret === undefined || (input.VersionStage ?? 'AWSCURRENT') !== 'AWSCURRENT') throw new AwsRefusal('ResourceNotFoundException');
    const { id, value, createdSeconds } = secret;
    return { ARN: `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${name}-AbCdEf`, Name: name, VersionId: id, VersionStages: ['AWSCURRENT'], CreatedDate: createdSeconds, ...value };
  }
}
