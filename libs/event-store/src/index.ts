/**
 * The store on which event-sourced services stand: docs/how-to/event-sourced-service.md.
 *
 * What holds once `execute` has resolved: the events, the read tables and the events' places in the producer's
 * numbering are committed together, and each event is sent to the ledger until its receipt lies beside it.
 */
export { openEventStore, streamOf } from './event-store.js';
export type {
  AppendRequest, Appended, EventStore, EventStoreOptions, ExecuteRequest, Loaded, Project, StartRequest,
} from './event-store.js';
export { defineAggregate, type Aggregate, type DomainEvent, type Past } from './aggregate.js';
export { from, type AskedFrom } from './asked-from.js';
export { EventStoreFault, type EventStoreFaultCode } from './fault.js';
export {
  SUBJECT_ERASED,
  type ItemFault, type Opened, type OpenedPart, type PersonalCipher, type PersonalPlace, type Sealed, type SealedPart, type ToOpen, type ToSeal,
} from './personal.js';
export { APPEND_EVENTS_MAX, type Cause } from './prepare.js';
export type { RecordedEvent } from './recorded-event.js';
export type { LedgerReceipt, LedgerSide, RefusedEvent, Unreceipted } from './ledger-side.js';
export { registerEventStoreMetrics, type EventStoreMetricsOptions } from './metrics.js';
export { eventStoreMigrationSql, eventStoreTracesSql, type SchemaOptions } from './schema.js';
