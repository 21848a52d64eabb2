import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAws, type AwsFixture } from '@countersign/cloud-fixture';
import { AwsKmsRootKey, type AwsKmsOptions } from '../../src/root/aws-kms-root-key.js';
import { remoteContract } from './remote-contract.js';
import { CONTEXT, rootKeyContract } from './root-key-contract.js';

const ATTEMPT_TIMEOUT_MS = 250;

const optionsFor = (aws: AwsFixture, keyArn = aws.kms.createKey()): AwsKmsOptions => ({
  keyArn,
  region: aws.region,
  endpoint: aws.url,
  credentials: aws.credentials,
  attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
});

rootKeyContract('AWS KMS', async () => {
  const aws = await startAws();
  let options = optionsFor(aws);
  const opened: AwsKmsRootKey[] = [];
  const open = (given: AwsKmsOptions): AwsKmsRootKey => {
    const provider = new AwsKmsRootKey(given);
    opened.push(provider);
    return provider;
  };
  let provider = open(options);
  return {
    get provider() {
      return provider;
    },
    reopen: async () => open(options),
    stranger: async () => open(optionsFor(aws)),
    rotate: async () => {
      options = { ...optionsFor(aws), previousKeyArns: [options.keyArn, ...(options.previousKeyArns ?? [])] };
      provider = open(options);
    },
    close: async () => {
      for (const one of opened) one.close();
      await aws.close();
    },
  };
});

remoteContract('AWS KMS', async () => {
  const aws = await startAws();
  const options = optionsFor(aws);
  const provider = new AwsKmsRootKey(options);
  const impostor = new AwsKmsRootKey({ ...options, credentials: { ...aws.credentials, secretAccessKey: 'another' } });
  return {
    provider,
    faults: aws.faults,
    impostor: () => impostor,
    close: async () => {
      provider.close();
      impostor.close();
      await aws.close();
    },
  };
});

describe('a root key in AWS KMS', () => {
  let aws: AwsFixture;
  const opened: AwsKmsRootKey[] = [];
  const open = (options: AwsKmsOptions): AwsKmsRootKey => {
    opened.push(new AwsKmsRootKey(options));
    return opened.at(-1)!;
  };
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(async () => {
    for (const one of opened) one.close();
    await aws.close();
  });

  it.each(['Disabled', 'PendingDeletion'] as const)('that is %s is denied, and described as such', async (state) => {
    const options = optionsFor(aws);
    const provider = open(options);
    const text = await provider.wrap(CONTEXT, randomBytes(32));
    aws.kms.setState(options.keyArn, state);
    await expect(provider.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_DENIED' });
    await expect(provider.describe()).rejects.toMatchObject({ code: 'ROOT_KEY_DENIED', message: expect.stringContaining(state) });
  });

  it('that does not exist is unknown', async () => {
    const provider = open(optionsFor(aws, 'arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000'));
    await expect(provider.wrap(CONTEXT, randomBytes(32))).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    await expect(provider.describe()).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
  });

  it('is not asked for what is under a key that was taken out of the configuration', async () => {
    const before = optionsFor(aws);
    const text = await open(before).wrap(CONTEXT, randomBytes(32));
    const after = open(optionsFor(aws));
    aws.faults.set(undefined);
    await expect(after.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    expect(aws.faults.requests).toBe(0);
  });

  it.each(['', 'alias/root', 'arn:aws:kms:eu-central-1:111122223333:alias/root', 'arn:aws:s3:::bucket'])('is named by the ARN of a key, not: %s', (keyArn) => {
    expect(() => new AwsKmsRootKey(optionsFor(aws, keyArn))).toThrow(expect.objectContaining({ code: 'ROOT_KEY_INPUT_MALFORMED' }));
  });
});
