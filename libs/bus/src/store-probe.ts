import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { INTAKE_STREAM } from '@countersign/contracts';
import { BusError } from './bus-error.js';
import type { BusConnection } from './connection.js';
import { publishIntake } from './publish-intake.js';

/** An empty message here is a probe of the store; no source or tenant has such a name. */
export const PROBE_SUBJECT = 'intake._probe._';

const PROBE_LIMIT_MS = 5_000;
const NOTHING = new Uint8Array(0);
const FILE_GONE = /no such file or directory/;

const isMissing = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound;

/**
 * Whether the stream's files were deleted under the running server. The server does not notice: it goes on answering
 * from memory, acknowledges what it can never deliver or refuses every message, until somebody makes the stream anew.
 * True only on evidence that nothing is left to lose: a file that is gone, or a first message that cannot be read.
 */
export async function intakeStoreIsGone(bus: BusConnection): Promise<boolean> {
  try {
    await publishIntake(bus, PROBE_SUBJECT, NOTHING, { timeoutMs: PROBE_LIMIT_MS });
  } catch (error) {
    return error instanceof BusError && error.code === 'STORE_FAILED' && FILE_GONE.test(error.message);
  }
  const { streams } = await jetstreamManager(bus.nats, { checkAPI: false, timeout: PROBE_LIMIT_MS });
  const before = (await streams.info(INTAKE_STREAM)).state;
  if (before.messages === 0) return false;
  try {
    if ((await streams.getMessage(INTAKE_STREAM, { seq: before.first_seq })) !== null) return false;
  } catch (error) {
    if (!isMissing(error)) return false;
  }
  // Somebody may have settled it in between; then the first message is another one now.
  const after = (await streams.info(INTAKE_STREAM)).state;
  return after.messages > 0 && after.first_seq === before.first_seq;
}

/** Deletes the stream whose files are gone, unless it was made anew since `streamCreated`. */
export async function dropLostStream(bus: BusConnection, streamCreated: string): Promise<void> {
  const { streams } = await jetstreamManager(bus.nats, { checkAPI: false, timeout: PROBE_LIMIT_MS });
  const { created } = await streams.info(INTAKE_STREAM);
  if (String(created) === streamCreated) await streams.delete(INTAKE_STREAM);
}
