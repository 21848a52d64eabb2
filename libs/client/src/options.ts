import {
  EVENT_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_EVENTS_MAX,
  SOURCE_PATTERN,
} from '@countersign/chain';
import type { Refusal } from '@countersign/contracts';
import { EmitError } from './errors.js';
import type { SpoolKeyChoice } from './spool/open-spool-key.js';
import { SILENT, type Log } from './transport.js';

/** Called once for each event that the ledger refused, after it was kept in the `refused` folder. `event` is its JSON. */
export type OnRefused = (refusal: Refusal, event: string) => void;

/** How events are packed, paced and sent again. Shared by the emitter and the outbox relay. */
export interface DeliveryOptions {
  /** Events a bus message, 1 to 500. Default 500. */
  readonly batchEventsMax?: number;
  /** Bytes a bus message. Default 512 KiB, which is also the most. */
  readonly batchBytesMax?: number;
  /** Shortest time between two messages that are not full: an event that comes sooner waits for company. Nothing waits when idle. Default 4 ms. */
  readonly lingerMs?: number;
  /** Messages that may wait for their PubAck. Default 8. */
  readonly messagesInFlightMax?: number;
  /** Events sent and without a receipt, after which sending pauses. Default 20,000. */
  readonly unreceiptedEventsMax?: number;
  /** Wait for a receipt before an event is sent again; doubles up to 60 s while the ledger is silent. Default 5 s. */
  readonly resendAfterMs?: number;
  readonly log?: Log;
  readonly onRefused?: OnRefused;
}

export interface EmitterLimits extends DeliveryOptions {
  /** Name of the emitting service: the subject's source token. */
  readonly source: string;
  /**
   * `disk` (default): `emit` resolves when the event is fsynced in the local spool.
   * `bus`: for producers without a disk; `emit` resolves on PubAck and a power cut of the bus can lose the event.
   */
  readonly durability?: 'disk' | 'bus';
  /** Folder of the spool, for this process alone. Needed with `disk`; must outlive the process. */
  readonly spoolDir?: string;
  /**
   * What opens the spool, which is encrypted: default a key file beside it, `<spoolDir>.key`, made at the first start. Keep it
   * as long as the spool, and apart from its copies.
   */
  readonly spoolKey?: SpoolKeyChoice;
  /** Default `<source>-<random>`, kept in the spool. With `bus` always fresh, because numbers do not outlive the process. */
  readonly producerId?: string;
  /** Disk space of the spool. Default 512 MiB; at least 4 segments. */
  readonly spoolBytesMax?: number;
  /** Events without a receipt that the spool (or memory, with `bus`) may hold. Default 500,000. */
  readonly spoolEventsMax?: number;
  /** Size of one spool file, written once ahead of use. Default 8 MiB. */
  readonly segmentBytes?: number;
  /** Event bytes kept in memory; beyond it events are read back from the spool to be sent. Default 32 MiB. */
  readonly residentBytesMax?: number;
  /** Emits that may wait for space at once; more fail with SPOOL_FULL at once. Default 10,000. */
  readonly waitingEmitsMax?: number;
  /** Longest wait of an emit for space (`disk`) or for its PubAck (`bus`). Default 5 s. */
  readonly emitTimeoutMs?: number;
  /** Unix time in milliseconds: default event time and id. */
  readonly clock?: () => number;
  /** Makes event ids. Default UUID version 7. */
  readonly newId?: () => string;
}

export type DeliverySettings = Required<DeliveryOptions>;
export type EmitterSettings = Required<Omit<EmitterLimits, 'clock' | 'newId' | 'spoolDir' | 'producerId'>> & {
  readonly spoolDir: string | undefined;
  readonly producerId: string | undefined;
};

const MIB = 1024 * 1024;
export const SEGMENT_BYTES_MIN = 256 * 1024;
export const SEGMENTS_MIN = 4;
/** Fills in defaults and checks ranges. Throws EmitError OPTION_INVALID naming the option. */
export function deliverySettings(options: DeliveryOptions): DeliverySettings {
  return {
    batchEventsMax: within('batchEventsMax', options.batchEventsMax ?? MESSAGE_EVENTS_MAX, 1, MESSAGE_EVENTS_MAX),
    // Two brackets and one full-sized event must fit.
    batchBytesMax: within('batchBytesMax', options.batchBytesMax ?? MESSAGE_BYTES_MAX, EVENT_BYTES_MAX + 3, MESSAGE_BYTES_MAX),
    lingerMs: within('lingerMs', options.lingerMs ?? 4, 0, 1_000),
    messagesInFlightMax: within('messagesInFlightMax', options.messagesInFlightMax ?? 8, 1, 1_000),
    unreceiptedEventsMax: within('unreceiptedEventsMax', options.unreceiptedEventsMax ?? 20_000, 1, 1_000_000),
    resendAfterMs: within('resendAfterMs', options.resendAfterMs ?? 5_000, 10, RESEND_AFTER_MS_MAX),
    log: options.log ?? SILENT,
    onRefused: options.onRefused ?? (() => undefined),
  };
}

/** Longest pause before an event without a receipt is sent again. */
export const RESEND_AFTER_MS_MAX = 60_000;

/** Fills in defaults and checks ranges. Throws EmitError OPTION_INVALID naming the option. */
export function emitterSettings(options: EmitterLimits): EmitterSettings {
  const durability = options.durability ?? 'disk';
  checkSource(options.source);
  if (durability === 'disk' && !options.spoolDir) {
    throw new EmitError('OPTION_INVALID', "spoolDir is required with durability 'disk'", 'spoolDir');
  }
  if (durability === 'bus' && options.producerId !== undefined) {
    throw new EmitError('OPTION_INVALID', "producerId needs durability 'disk': its numbers must outlive the process", 'producerId');
  }
  if (options.producerId !== undefined && !/^[\x21-\x7e]{1,200}$/.test(options.producerId)) {
    throw new EmitError('OPTION_INVALID', 'producerId must be 1 to 200 printable ASCII characters', 'producerId');
  }
  const segmentBytes = within('segmentBytes', options.segmentBytes ?? 8 * MIB, SEGMENT_BYTES_MIN, 256 * MIB);
  const spoolBytesMax = options.spoolBytesMax ?? Math.max(512 * MIB, SEGMENTS_MIN * segmentBytes);
  return {
    ...deliverySettings(options),
    source: options.source,
    durability,
    spoolDir: options.spoolDir,
    spoolKey: options.spoolKey ?? {},
    producerId: options.producerId,
    segmentBytes,
    spoolBytesMax: within('spoolBytesMax', spoolBytesMax, SEGMENTS_MIN * segmentBytes, Number.MAX_SAFE_INTEGER),
    spoolEventsMax: within('spoolEventsMax', options.spoolEventsMax ?? 500_000, 1, 10_000_000),
    residentBytesMax: within('residentBytesMax', options.residentBytesMax ?? 32 * MIB, 0, Number.MAX_SAFE_INTEGER),
    waitingEmitsMax: within('waitingEmitsMax', options.waitingEmitsMax ?? 10_000, 0, 1_000_000),
    emitTimeoutMs: within('emitTimeoutMs', options.emitTimeoutMs ?? 5_000, 0, 3_600_000),
  };
}

export function checkSource(source: unknown): void {
  if (typeof source !== 'string' || !SOURCE_PATTERN.test(source)) {
    throw new EmitError('OPTION_INVALID', 'source must be 1 to 63 of a-z, 0-9 and hyphen', 'source');
  }
}

function within(name: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new EmitError('OPTION_INVALID', `${name} must be a whole number from ${least} to ${most}`, name);
  }
  return value;
}
