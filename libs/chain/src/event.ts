/** Limits and shape of an event as a producer sends it (docs/spec/ledger-format.md, "Event"). */

export const EVENT_BYTES_MAX = 64 * 1024;
export const MESSAGE_BYTES_MAX = 512 * 1024;
export const MESSAGE_EVENTS_MAX = 500;
export const ENTRY_BYTES_MAX = 65_535;

export const SEVERITIES = ['info', 'notice', 'warning', 'alert'] as const;
export const OUTCOMES = ['success', 'failure', 'denied'] as const;
export const ACTOR_TYPES = ['user', 'service', 'api-key', 'system'] as const;

export type Severity = (typeof SEVERITIES)[number];
export type Outcome = (typeof OUTCOMES)[number];
export type ActorType = (typeof ACTOR_TYPES)[number];

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };
export type JsonObject = { readonly [name: string]: JsonValue };

export interface Reference {
  readonly type: string;
  readonly id: string;
}

export interface PersonalPart {
  /** Opaque id of the person whose key protects `data`. */
  readonly subject: string;
  readonly data: JsonObject;
}

export interface Event {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly tenant: string;
  /** RFC 3339 UTC, when it happened. */
  readonly time: string;
  readonly severity: Severity;
  readonly outcome: Outcome;
  readonly actor: { readonly type: ActorType; readonly id: string };
  readonly resource?: Reference;
  readonly correlationId?: string;
  readonly producer?: { readonly id: string; readonly sequence: number };
  readonly data?: JsonObject;
  readonly personal?: readonly PersonalPart[];
}

export const TENANT_PATTERN = /^[a-z0-9-]{1,63}$/;
export const SOURCE_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** `<source>.<noun>.<verb-past>`: at least three dotted lower-case words. */
export const TYPE_PATTERN = /^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*){2,}$/;
export const TYPE_CHARS_MAX = 200;
/** Lower-case hyphenated UUID (RFC 9562) of any version, but not the nil UUID; version 7 is recommended. */
export const UUID_PATTERN = /^(?!0{8}-0{4}-0{4}-0{4}-0{12}$)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const OPAQUE_ID_CHARS_MAX = 256;
export const PERSONAL_PARTS_MAX = 16;
