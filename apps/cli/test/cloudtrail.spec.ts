import { describe, expect, it } from '@jest/globals';
import { admitEvent } from '@countersign/chain';
import type { JsonObject } from '@countersign/chain';
import { CLOUDTRAIL_SOURCE, UnmappableRecord, eventFromRecord, eventType } from '../src/cloudtrail/event-from-record.js';
import { CloudTrailFileError, parseRecords } from '../src/cloudtrail/record.js';

const ID = '5b0e5f0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b';

function record(changes: JsonObject = {}): JsonObject {
  return {
    eventVersion: '1.08',
    userIdentity: {
      type: 'IAMUser',
      principalId: 'AIDAEXAMPLE',
      arn: 'arn:aws:iam::111122223333:user/jane',
      accountId: '111122223333',
      accessKeyId: 'AKIAEXAMPLE',
      userName: 'jane',
    },
    eventTime: '2026-11-22T10:00:00Z',
    eventSource: 's3.amazonaws.com',
    eventName: 'GetBucketAcl',
    awsRegion: 'eu-central-1',
    sourceIPAddress: '192.0.2.17',
    userAgent: 'aws-cli/2.31',
    requestParameters: { bucketName: 'logs', Host: 'logs.s3.amazonaws.com' },
    responseElements: null,
    requestID: 'REQ1',
    eventID: ID,
    readOnly: true,
    resources: [{ ARN: 'arn:aws:s3:::logs', type: 'AWS::S3::Bucket' }],
    ...changes,
  };
}

const role = (session: string, issuer = 'arn:aws:iam::111122223333:role/deploy'): JsonObject => ({
  type: 'AssumedRole',
  principalId: `AROAEXAMPLE:${session}`,
  arn: `arn:aws:sts::111122223333:assumed-role/deploy/${session}`,
  sessionContext: { sessionIssuer: { type: 'Role', principalId: 'AROAEXAMPLE', arn: issuer, userName: 'deploy' } },
});

const mapped = (changes: JsonObject = {}): ReturnType<typeof eventFromRecord> => eventFromRecord(record(changes), 'trail');

describe('a CloudTrail record', () => {
  it('becomes an event', () => {
    expect(mapped()).toEqual({
      id: ID,
      tenant: 'trail',
      type: 'cloudtrail.s3.get-bucket-acl',
      time: '2026-11-22T10:00:00Z',
      severity: 'info',
      outcome: 'success',
      actor: { type: 'user', id: 'AIDAEXAMPLE' },
      resource: { type: 'AWS::S3::Bucket', id: 'arn:aws:s3:::logs' },
      correlationId: 'REQ1',
      data: {
        eventVersion: '1.08',
        userIdentity: { type: 'IAMUser', accountId: '111122223333', accessKeyId: 'AKIAEXAMPLE' },
        eventSource: 's3.amazonaws.com',
        eventName: 'GetBucketAcl',
        awsRegion: 'eu-central-1',
        requestParameters: { bucketName: 'logs', Host: 'logs.s3.amazonaws.com' },
        responseElements: null,
        requestID: 'REQ1',
        readOnly: true,
        resources: [{ ARN: 'arn:aws:s3:::logs', type: 'AWS::S3::Bucket' }],
      },
      personal: [
        {
          subject: 'AIDAEXAMPLE',
          data: {
            'userIdentity.principalId': 'AIDAEXAMPLE',
            'userIdentity.arn': 'arn:aws:iam::111122223333:user/jane',
            'userIdentity.userName': 'jane',
            sourceIPAddress: '192.0.2.17',
            userAgent: 'aws-cli/2.31',
          },
        },
      ],
      numbered: false,
    });
  });

  it('is the same event every time', () => {
    expect(JSON.stringify(mapped())).toBe(JSON.stringify(mapped()));
  });

  it.each([
    ['a user', {}],
    ['a role of a machine', { userIdentity: role('i-0123456789abcdef0') }],
    ['a session named by an email address', { userIdentity: role('jane.doe@example.com', 'arn:aws:iam::1:role/aws-reserved/AWSReservedSSO_Admin') }],
    ['an AWS service', { userIdentity: { type: 'AWSService', invokedBy: 'rds.amazonaws.com' }, sourceIPAddress: 'rds.amazonaws.com' }],
    ['nobody', { userIdentity: null }],
    ['root', { userIdentity: { type: 'Root', principalId: '111122223333', arn: 'arn:aws:iam::111122223333:root' } }],
    ['a huge integer', { requestParameters: parseRecords('{"Records":[{"size":12345678901234567890}]}')[0]! }],
  ])('by %s passes the rules of the ledger', (_who, changes) => {
    const { numbered, ...event } = mapped(changes);
    expect(numbered).toBe(false);
    expect(admitEvent({ ...event, source: CLOUDTRAIL_SOURCE }, { source: CLOUDTRAIL_SOURCE, tenant: 'trail' }).event.id).toBe(ID);
  });
});

describe('nothing that names a person stays outside the personal part', () => {
  it.each([
    ['a session named by an email address', { userIdentity: role('jane.doe@example.com') }, /jane\.doe/],
    ['a user name in a parameter', { requestParameters: { userName: 'bob' } }, /bob/],
    ['an email address deep in a list', { requestParameters: { members: [{ note: 'ask bob@example.com' }] } }, /bob@/],
    ['the own ARN in an error', { errorCode: 'AccessDenied', errorMessage: 'User: arn:aws:iam::111122223333:user/jane is not authorized' }, /jane/],
    ['the address in a parameter', { requestParameters: { from: '192.0.2.17' } }, /192\.0\.2\.17/],
    ['a role session to be assumed', { requestParameters: { roleArn: 'arn:aws:iam::1:role/x', roleSessionName: 'jane' } }, /jane/],
    ['a user as the resource', { resources: [{ ARN: 'arn:aws:iam::1:user/jane', type: 'AWS::IAM::User' }] }, /jane/],
  ])('%s', (_what, changes, name) => {
    const { personal, ...rest } = mapped(changes);
    expect(JSON.stringify(rest)).not.toMatch(name);
    expect(JSON.stringify(personal)).toMatch(name);
  });

  it('an email address as an identifier becomes a digest behind the role', () => {
    expect(mapped({ userIdentity: role('jane.doe@example.com') }).actor.id).toMatch(/^AROAEXAMPLE:[0-9a-f]{32}$/);
  });

  it('a role’s own name is no person', () => {
    expect(JSON.stringify(mapped({ userIdentity: role('i-0123456789abcdef0') }).data)).toContain('"userName":"deploy"');
  });

  it('of a long string is found out quickly', () => {
    const startedMs = performance.now();
    mapped({ requestParameters: { text: `${'x'.repeat(100_000)}@`.repeat(5) } });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it('the place in a list is kept', () => {
    expect(mapped({ requestParameters: { to: ['a', 'bob@example.com', 'c'] } }).data).toMatchObject({ requestParameters: { to: ['a', null, 'c'] } });
  });
});

describe('outcome and severity', () => {
  it.each([
    ['a success', {}, 'success', 'info'],
    ['a denial', { errorCode: 'AccessDenied' }, 'denied', 'warning'],
    ['a denial of EC2', { errorCode: 'Client.UnauthorizedOperation' }, 'denied', 'warning'],
    ['a failure', { errorCode: 'NoSuchBucketPolicy' }, 'failure', 'info'],
    ['a change to IAM', { eventSource: 'iam.amazonaws.com', eventName: 'CreateUser', readOnly: false }, 'success', 'notice'],
    ['a look at IAM', { eventSource: 'iam.amazonaws.com', eventName: 'ListUsers' }, 'success', 'info'],
    ['a trail stopped', { eventSource: 'cloudtrail.amazonaws.com', eventName: 'StopLogging', readOnly: false }, 'success', 'notice'],
    ['a sign-in that failed', { eventSource: 'signin.amazonaws.com', eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Failure' } }, 'failure', 'notice'],
    ['a sign-in of root', { eventName: 'ConsoleLogin', userIdentity: { type: 'Root', principalId: '1' } }, 'success', 'alert'],
  ])('%s', (_what, changes, outcome, severity) => {
    expect(mapped(changes)).toMatchObject({ outcome, severity });
  });
});

describe('the type', () => {
  it.each([
    ['s3.amazonaws.com', 'GetBucketAcl', 'cloudtrail.s3.get-bucket-acl'],
    ['iam.amazonaws.com', 'ListMFADevices', 'cloudtrail.iam.list-mfa-devices'],
    ['rds.amazonaws.com', 'DescribeDBInstances', 'cloudtrail.rds.describe-db-instances'],
    ['lambda.amazonaws.com', 'GetFunction20150331v2', 'cloudtrail.lambda.get-function20150331v2'],
    ['resource-explorer-2.amazonaws.com', 'ListIndexes', 'cloudtrail.resource-explorer-2.list-indexes'],
    ['vendor.example', '***', 'cloudtrail.vendor-example.unknown'],
  ])('of %s %s is %s', (source, name, type) => {
    expect(eventType(source, name)).toBe(type);
  });
});

describe('what cannot become an event', () => {
  it.each(['eventID', 'eventTime', 'eventSource', 'eventName'])('is a record without %s', (field) => {
    expect(() => mapped({ [field]: null })).toThrow(new UnmappableRecord(`${field} is missing`));
  });

  it('is a record whose eventID is no UUID', () => {
    expect(() => mapped({ eventID: 'abc' })).toThrow(new UnmappableRecord('eventID is not a UUID'));
  });

  it.each([
    ['no JSON', '{', 'not JSON'],
    ['another file', '{"Items":[]}', 'not a CloudTrail log file: no list named "Records"'],
    ['a list of numbers', '{"Records":[{},7]}', 'record 1 is not a JSON object'],
  ])('is a file with %s', (_what, text, message) => {
    expect(() => parseRecords(text)).toThrow(new CloudTrailFileError(message));
  });

  it('integers beyond a double stay as they are written', () => {
    expect(parseRecords('{"Records":[{"a":12345678901234567890,"b":7,"c":1.5}]}')).toEqual([{ a: '12345678901234567890', b: 7, c: 1.5 }]);
  });
});
