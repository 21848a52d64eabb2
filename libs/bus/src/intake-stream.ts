import { AckPolicy, DeliverPolicy, DiscardPolicy, JetStreamApiError, jetstreamManager, ReplayPolicy, RetentionPolicy, StorageType, type ConsumerConfig, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { INTAKE_CONSUMER, INTAKE_STREAM, INTAKE_SUBJECTS } from '@countersign/contracts';
import { BusError, busError } from './bus-error.js';
import type { BusConnection } from './connection.js';

const NANOS_PER_MS = 1_000_000;
const API_LIMIT_MS = 5_000;
const STREAM_BYTES_DEFAULT = 1024 * 1024 * 1024;
const MESSAGE_BYTES_MAX = 1024 * 1024;
const ACK_WAIT_MS = 30_000;
const ACK_PENDING_DEFAULT = 2_000;
// The smallest that JetStream allows: duplicates are the ledger's business, which remembers them for ever.
const DUPLICATE_WINDOW_MS = 100;

export interface IntakeStreamOptions {
  /** Bytes that the stream may hold; full means that producers wait. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Copies in a cluster. Default 1. */
  readonly replicas?: number;
  /** Messages delivered and not yet acknowledged, over all instances of the ledger. Default 2,000. */
  readonly maxAckPending?: number;
  /** A message not settled in this time is delivered again. Default 30 s. */
  readonly ackWaitMs?: number;
}

export interface IntakeStreamState {
  /** When the server made this stream; differs after the stream was lost and made again. */
  readonly streamCreated: string;
  /** True when this call made the stream or the consumer. */
  readonly made: boolean;
}

// JetStream error codes (nats-server, server/errors.json).
const NOT_FOUND = new Set([10014, 10059]);

const isNotFound = (error: unknown): boolean => error instanceof JetStreamApiError && NOT_FOUND.has(error.code);

function streamConfig(options: IntakeStreamOptions): Partial<StreamConfig> & { name: string } {
  return {
    name: INTAKE_STREAM,
    subjects: [INTAKE_SUBJECTS],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: options.maxBytes ?? STREAM_BYTES_DEFAULT,
    max_msg_size: MESSAGE_BYTES_MAX,
    num_replicas: options.replicas ?? 1,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS_PER_MS,
  };
}

function consumerConfig(options: IntakeStreamOptions): Partial<ConsumerConfig> {
  return {
    durable_name: INTAKE_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: (options.ackWaitMs ?? ACK_WAIT_MS) * NANOS_PER_MS,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    // No limit: giving up on a message would lose an event.
    max_deliver: -1,
    max_ack_pending: options.maxAckPending ?? ACK_PENDING_DEFAULT,
  };
}

/** Whether something that is wanted is otherwise. */
export const differs = (actual: object, wanted: object): boolean =>
  Object.entries(wanted).some(([key, value]) => JSON.stringify((actual as Record<string, unknown>)[key]) !== JSON.stringify(value));

async function ensureStream(api: JetStreamManager, options: IntakeStreamOptions): Promise<IntakeStreamState> {
  const wanted = streamConfig(options);
  try {
    const found = await api.streams.info(INTAKE_STREAM);
    if (differs(found.config, wanted)) await api.streams.update(INTAKE_STREAM, wanted);
    return { streamCreated: String(found.created), made: false };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const made = await api.streams.add(wanted);
    return { streamCreated: String(made.created), made: true };
  }
}

async function ensureConsumer(api: JetStreamManager, options: IntakeStreamOptions): Promise<boolean> {
  const wanted = consumerConfig(options);
  try {
    const found = await api.consumers.info(INTAKE_STREAM, INTAKE_CONSUMER);
    if (differs(found.config, wanted)) await api.consumers.update(INTAKE_STREAM, INTAKE_CONSUMER, wanted);
    return false;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await api.consumers.add(INTAKE_STREAM, wanted);
    return true;
  }
}

/**
 * Makes the intake's stream and the ledger's consumer if they are missing and brings their limits up to date.
 * Only the provisioner can. Safe to call at any time and from several places; the loss of the whole
 * JetStream store is repaired by calling it again (producers send again what got no receipt).
 * @throws {BusError} NO_RESPONDERS without JetStream, TIMEOUT, DISCONNECTED, FORBIDDEN, REFUSED
 */
export async function ensureIntakeStream(bus: BusConnection, options: IntakeStreamOptions = {}): Promise<IntakeStreamState> {
  try {
    const api = await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_LIMIT_MS });
    const stream = await ensureStream(api, options);
    const madeConsumer = await ensureConsumer(api, options);
    return { streamCreated: stream.streamCreated, made: stream.made || madeConsumer };
  } catch (error) {
    throw busError(error, 'intake stream');
  }
}

/**
 * The intake as the provisioner made it; the ledger makes nothing.
 * @returns when the server made the stream
 * @throws {BusError} NOT_PROVISIONED, NO_RESPONDERS without JetStream, TIMEOUT, DISCONNECTED, REFUSED
 */
export async function findIntakeStream(bus: BusConnection): Promise<string> {
  try {
    const api = await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_LIMIT_MS });
    const { created } = await api.streams.info(INTAKE_STREAM);
    await api.consumers.info(INTAKE_STREAM, INTAKE_CONSUMER);
    return String(created);
  } catch (error) {
    if (isNotFound(error)) throw new BusError('NOT_PROVISIONED', 'the intake has no stream or no consumer: run the provisioner of the bus', { cause: error });
    throw busError(error, 'intake stream');
  }
}
