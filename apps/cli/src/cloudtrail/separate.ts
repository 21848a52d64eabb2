import { isIP } from 'node:net';
import type { JsonObject, JsonValue } from '@countersign/chain';
import { isObject, textAt } from './record.js';
import type { CloudTrailRecord } from './record.js';

/** A record taken apart: operational facts, and what says something about a person, under its dotted path. */
export interface Separated {
  readonly data: JsonObject;
  readonly personal: JsonObject;
}

// Fields that say who somebody is or where, wherever they stand in a record.
const PERSONAL_NAMES = new Set([
  'sourceIPAddress', 'userAgent', 'userName', 'roleSessionName', 'sourceIdentity', 'email', 'emailAddress', 'clientIp', 'clientIpAddress',
]);
const PERSONAL_PATHS = new Set(['userIdentity.arn', 'userIdentity.principalId', 'userIdentity.onBehalfOf.userId', 'responseElements.assumedRoleUser']);
/** Where AWS calls itself, it stands in the fields of a caller's address and program. */
const AWS_ITSELF = /^(?:AWS Internal|[a-z0-9.-]+\.amazonaws\.com)$/;
/** A role's own name, which CloudTrail also calls userName. */
const ROLE_NAME = 'userIdentity.sessionContext.sessionIssuer.userName';
/** Bounded: an open repetition before the @ would take quadratic time on a long string. */
const EMAIL = /[^\s@"<>:/]{1,64}@[a-z0-9.-]{1,255}\.[a-z]{2,}/i;
/** Fields that the event itself carries. */
const MAPPED = new Set(['eventID', 'eventTime']);

/**
 * Splits a record into `data`, which can never be erased, and `personal`, which can. Besides the known fields, every
 * string goes to `personal` that holds an email address, the caller's user name as a part of an ARN, or the caller's
 * address. In lists, null keeps the place of what was taken out.
 */
export function separate(record: CloudTrailRecord): Separated {
  const personal: Record<string, JsonValue> = {};
  const isPersonal = personalStrings(record);

  const keep = (value: JsonValue, path: string): JsonValue | undefined => {
    if (PERSONAL_PATHS.has(path) || (typeof value === 'string' && isPersonal(value, path))) {
      personal[path] = value;
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item: JsonValue, i) => keep(item, `${path}.${i}`) ?? null);
    return isObject(value) ? keepObject(value, `${path}.`) : value;
  };
  const keepObject = (object: JsonObject, prefix: string): JsonObject => {
    const kept: Record<string, JsonValue> = {};
    for (const [name, value] of Object.entries(object)) {
      const rest = prefix === '' && MAPPED.has(name) ? undefined : keep(value, prefix + name);
      if (rest !== undefined) kept[name] = rest;
    }
    return kept;
  };
  return { data: keepObject(record, ''), personal };
}

function personalStrings(record: CloudTrailRecord): (value: string, path: string) => boolean {
  const userName = textAt(record, 'userIdentity', 'userName');
  const address = textAt(record, 'sourceIPAddress');
  const ownAddress = address !== undefined && isIP(address) !== 0 ? address : undefined;
  const ownArn = userName === undefined ? undefined : `user/${userName}`;
  return (value, path) => {
    if (path === ROLE_NAME || AWS_ITSELF.test(value)) return false;
    if (PERSONAL_NAMES.has(path.slice(path.lastIndexOf('.') + 1))) return true;
    return hasEmail(value) || value === ownAddress || (ownArn !== undefined && value.includes(ownArn));
  };
}

/** Whether a string could name a person: then it must not become an identifier that stays for ever. */
export function namesPerson(text: string): boolean {
  return text.includes('@');
}

function hasEmail(text: string): boolean {
  return text.includes('@') && EMAIL.test(text);
}
