/**
 * The emitter: how services record audit events.
 *
 * ```ts
 * const emitter = await openEmitter({
 *   source: 'identity',
 *   spoolDir: '/var/lib/identity/spool',
 *   bus: { url: 'nats://bus:4222', nkeySeedFile: '/run/secrets/nats', name: 'identity' },
 * });
 * await emitter.emit({
 *   tenant: 'acme',
 *   type: 'identity.session.created',
 *   actor: { type: 'user', id: userId },
 *   data: { method: 'passkey' },
 *   personal: [{ subject: userId, data: { ip } }],
 * });
 * await emitter.close();
 * ```
 *
 * What holds once `emit` has resolved: the event is on this machine's disk, in the spool, encrypted, and only the ledger's receipt
 * (or its refusal) takes it out of there. A crash of the producer, of the bus, of the ledger, or the loss of the bus's
 * whole store loses nothing: the event is sent again until its receipt comes, and the ledger records an id once.
 *
 * The way of an event: `emit` checks it by the ledger's own rules → it is encoded once, into a chunk → a group commit
 * makes everything that was emitted meanwhile durable with one synced write → its tenant's lane sends it, packed with
 * its neighbours, in order → the receipt clears it → a spool file whose events are all cleared is used again.
 *
 * `openOutbox` is for services that have PostgreSQL: the event is written in the service's own transaction.
 * How to choose and what to watch: docs/how-to/emit-events.md.
 */
export { openEmitter, type BusChoice, type EmitterOptions } from './open-emitter.js';
export type { Emitter, EmitterStats, Recorded } from './emitter.js';
export type { Emitted } from './pipeline.js';
export type { EmitInput } from './event-input.js';
export { EmitError, RefusedError, type EmitErrorCode } from './errors.js';
export type { DeliveryOptions, EmitterLimits, OnRefused } from './options.js';
export type { SpoolKeyChoice } from './spool/open-spool-key.js';
export { readKept, type Kept } from './spool/read-kept.js';
export type { EmitterTransport, Log } from './transport.js';
export { openOutbox, type Outbox, type OutboxOptions } from './outbox/outbox.js';
export type { OutboxCipher } from './outbox/personal.js';
export { outboxMigrationSql } from './outbox/schema.js';
export { openRelay, type OpenRelay, type RelayOptions } from './outbox/open-relay.js';
export type { OutboxRow, RefusedRow, RelayRows, SettledRow } from './outbox/rows.js';
export type { RelayStats } from './outbox/relay.js';
export type { SqlClient } from './outbox/enqueue.js';
export { uuidV7Source } from './event-id.js';
