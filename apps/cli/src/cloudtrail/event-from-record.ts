import { createHash } from 'node:crypto';
import { OPAQUE_ID_CHARS_MAX, TYPE_CHARS_MAX, UUID_PATTERN } from '@countersign/chain';
import type { Event, Outcome, Reference } from '@countersign/chain';
import type { EmitInput } from '@countersign/client';
import { isObject, textAt } from './record.js';
import type { CloudTrailRecord } from './record.js';
import { namesPerson, separate } from './separate.js';
import { severityOf } from './severity.js';

/** The source under which CloudTrail records are recorded. */
export const CLOUDTRAIL_SOURCE = 'cloudtrail';

/** A record that cannot become an event. */
export class UnmappableRecord extends Error {
  override readonly name = 'UnmappableRecord';
}

const DENIED = /AccessDenied|Unauthorized|NotAuthorized|Forbidden|AuthFailure|SignatureDoesNotMatch|InvalidClientTokenId/;

/**
 * Maps one CloudTrail record to an event (docs/how-to/import-cloudtrail.md). The same record always gives the same
 * event, so that importing again records nothing twice. Throws UnmappableRecord without an eventID, eventTime,
 * eventSource or eventName; the event's own limits are for the emitter to check.
 */
export function eventFromRecord(record: CloudTrailRecord, tenant: string): EmitInput & Pick<Event, 'id'> {
  const id = required(record, 'eventID').toLowerCase();
  if (!UUID_PATTERN.test(id)) throw new UnmappableRecord('eventID is not a UUID');
  const eventSource = required(record, 'eventSource');
  const eventName = required(record, 'eventName');
  const identityType = textAt(record, 'userIdentity', 'type') ?? '';
  const outcome = outcomeOf(record);
  const actor = actorOf(record, identityType);
  const { data, personal } = separate(record);
  const resource = resourceOf(record);
  const correlationId = shortText(textAt(record, 'requestID') ?? textAt(record, 'sharedEventID'));
  return {
    id,
    tenant,
    type: eventType(eventSource, eventName),
    time: required(record, 'eventTime'),
    severity: severityOf({ eventSource, eventName, identityType, outcome, readOnly: record['readOnly'] === true }),
    outcome,
    actor,
    ...(resource === undefined ? {} : { resource }),
    ...(correlationId === undefined ? {} : { correlationId }),
    data,
    ...(Object.keys(personal).length === 0 ? {} : { personal: [{ subject: actor.id, data: personal }] }),
    // A record has an id of its own; a number would differ at every import.
    numbered: false,
  };
}

/** `s3.amazonaws.com` and `GetBucketAcl` are `cloudtrail.s3.get-bucket-acl`. */
export function eventType(eventSource: string, eventName: string): string {
  const type = `${CLOUDTRAIL_SOURCE}.${word(eventSource.replace(/\.(amazonaws|aws\.amazon)\.com$/, ''))}.${word(kebab(eventName))}`;
  return type.slice(0, TYPE_CHARS_MAX).replace(/[-.]+$/, '');
}

function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2');
}

function word(text: string): string {
  const clean = text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return clean === '' ? 'unknown' : clean;
}

function outcomeOf(record: CloudTrailRecord): Outcome {
  const errorCode = textAt(record, 'errorCode');
  if (errorCode !== undefined) return DENIED.test(errorCode) ? 'denied' : 'failure';
  // A failed sign-in has no errorCode, only this.
  return textAt(record, 'responseElements', 'ConsoleLogin') === 'Failure' ? 'failure' : 'success';
}

/** Principal ids are opaque; a session's name behind the colon is whatever the caller chose, often an email address. */
function actorOf(record: CloudTrailRecord, identityType: string): Event['actor'] {
  const identity = record['userIdentity'];
  const service = textAt(identity, 'invokedBy');
  if (identityType === 'AWSService') return { type: 'service', id: opaque(service ?? required(record, 'eventSource')) };
  const id = textAt(identity, 'principalId') ?? textAt(identity, 'accessKeyId') ?? textAt(identity, 'accountId') ?? service;
  if (id === undefined) return { type: 'system', id: 'unknown' };
  return { type: isPerson(record, identityType) ? 'user' : 'service', id: opaque(id) };
}

function isPerson(record: CloudTrailRecord, identityType: string): boolean {
  if (identityType !== 'AssumedRole') return true;
  // Single sign-on gives people roles of this name.
  return textAt(record, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn')?.includes('AWSReservedSSO_') === true;
}

function opaque(id: string): string {
  if (!namesPerson(id) && shortText(id) !== undefined) return id;
  const [principal, ...session] = id.split(':');
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 32);
  const isRole = session.length > 0 && !namesPerson(principal!) && principal!.length <= 64;
  return isRole ? `${principal}:${digest}` : digest;
}

/** Parameters that name the thing a request is about. */
const RESOURCE_PARAMETERS: readonly (readonly [name: string, type: string])[] = [
  ['bucketName', 'AWS::S3::Bucket'],
  ['secretId', 'AWS::SecretsManager::Secret'],
  ['keyId', 'AWS::KMS::Key'],
  ['roleName', 'AWS::IAM::Role'],
  ['policyArn', 'AWS::IAM::ManagedPolicy'],
  ['instanceProfileName', 'AWS::IAM::InstanceProfile'],
  ['functionName', 'AWS::Lambda::Function'],
  ['dBInstanceIdentifier', 'AWS::RDS::DBInstance'],
  ['dBSnapshotIdentifier', 'AWS::RDS::DBSnapshot'],
  ['instanceId', 'AWS::EC2::Instance'],
  ['routeTableId', 'AWS::EC2::RouteTable'],
  ['subnetId', 'AWS::EC2::Subnet'],
  ['vpcId', 'AWS::EC2::VPC'],
  ['trailName', 'AWS::CloudTrail::Trail'],
];

function resourceOf(record: CloudTrailRecord): Reference | undefined {
  const listed: unknown = record['resources'];
  const first: unknown = Array.isArray(listed) ? listed[0] : undefined;
  const arn = isObject(first) ? identifier(textAt(first, 'ARN')) : undefined;
  if (arn !== undefined) return { type: (isObject(first) ? shortText(textAt(first, 'type')) : undefined) ?? 'AWS::Resource', id: arn };
  for (const [name, type] of RESOURCE_PARAMETERS) {
    const id = identifier(textAt(record, 'requestParameters', name));
    if (id !== undefined) return { type, id };
  }
  return undefined;
}

/** Identifiers stay in the entry for ever: none that names a person. */
function identifier(id: string | undefined): string | undefined {
  return id === undefined || namesPerson(id) || /:user\//.test(id) ? undefined : shortText(id);
}

function shortText(value: string | undefined): string | undefined {
  return value !== undefined && value.length <= OPAQUE_ID_CHARS_MAX && !/\p{Cc}/u.test(value) ? value : undefined;
}

function required(record: CloudTrailRecord, field: string): string {
  const value = textAt(record, field);
  if (value === undefined) throw new UnmappableRecord(`${field} is missing`);
  return value;
}
