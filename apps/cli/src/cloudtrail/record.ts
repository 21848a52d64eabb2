import type { JsonObject, JsonValue } from '@countersign/chain';

/** One record of a CloudTrail log file, as far as it is read. Every field may be missing or of another type. */
export type CloudTrailRecord = JsonObject;

export interface RecordFault {
  /** Position in the file, from 0. */
  readonly at: number;
  readonly eventId: string | undefined;
  readonly why: string;
}

/** A file that is no CloudTrail log file. */
export class CloudTrailFileError extends Error {
  override readonly name = 'CloudTrailFileError';
}

/**
 * Records of a CloudTrail log file, `{"Records":[…]}`. An integer beyond 2^53-1 becomes a string, digit for digit: a
 * double would change it. Throws CloudTrailFileError.
 */
export function parseRecords(text: string): CloudTrailRecord[] {
  let file: unknown;
  try {
    file = JSON.parse(text, keepDigits);
  } catch {
    throw new CloudTrailFileError('not JSON');
  }
  const records = isObject(file) ? file['Records'] : undefined;
  if (!Array.isArray(records)) throw new CloudTrailFileError('not a CloudTrail log file: no list named "Records"');
  const bad = records.findIndex((record) => !isObject(record));
  if (bad >= 0) throw new CloudTrailFileError(`record ${bad} is not a JSON object`);
  return records as CloudTrailRecord[];
}

function keepDigits(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isUnsafe = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isUnsafe ? (context?.source ?? String(value)) : value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-empty string at a path of names, undefined for anything else. */
export function textAt(value: JsonValue | undefined, ...path: readonly string[]): string | undefined {
  let at: JsonValue | undefined = value;
  for (const name of path) at = isObject(at) ? at[name] : undefined;
  return typeof at === 'string' && at !== '' ? at : undefined;
}
