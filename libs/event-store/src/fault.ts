import type { FaultCode } from '@countersign/chain';

/**
 * Why the event store refused. Stable for ever: callers and tests match on it.
 * `EVENT_*` are the ledger's own admission codes, found out before anything is stored.
 */
export type EventStoreFaultCode =
  | Extract<FaultCode, `EVENT_${string}`>
  /** The stream is not at the expected version: somebody else appended. Load it and decide again. */
  | 'STREAM_VERSION_CONFLICT'
  /** A stream's name or an aggregate's id is not 1 to 200 printable characters. */
  | 'STREAM_MALFORMED'
  /** A version of the stream is missing or unreadable in the database: somebody has changed it. */
  | 'STREAM_DAMAGED'
  /** More than `APPEND_EVENTS_MAX` events in one append. */
  | 'EVENTS_TOO_MANY'
  /** A command id is not 1 to 200 printable characters. */
  | 'COMMAND_ID_MALFORMED'
  /** The command id was used for a command on another stream. */
  | 'COMMAND_ID_REUSED'
  /** An event has personal parts and the store was opened without a cipher. */
  | 'PERSONAL_WITHOUT_CIPHER'
  /** The cipher could not seal a part; nothing was stored. The cause tells more. */
  | 'PERSONAL_NOT_SEALED'
  /** The cipher could not open a part that is not erased. */
  | 'PERSONAL_UNREADABLE'
  /** An option is missing or out of range; `field` names it. */
  | 'OPTION_INVALID';

/** `field` names the offending event field or option. Values are never echoed: they may be personal. */
export class EventStoreFault extends Error {
  override readonly name = 'EventStoreFault';
  constructor(
    readonly code: EventStoreFaultCode,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
