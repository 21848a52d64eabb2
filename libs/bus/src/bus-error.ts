import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/**
 * - NO_RESPONDERS: nobody listens there; for the intake, its stream does not exist (the provisioner makes it)
 * - TIMEOUT: no answer in time; what was asked may have happened
 * - STREAM_FULL: the intake is full; try again later
 * - STORE_FAILED: JetStream cannot write its files; only an operator or the provisioner can mend that
 * - PAYLOAD_TOO_LARGE: more bytes than the server or the stream takes; trying again is useless
 * - DISCONNECTED: there is no connection now, or it broke while waiting; what was asked may have happened
 * - FORBIDDEN: this user may not publish or subscribe there
 * - UNAUTHORIZED: the server does not know this user's key
 * - NOT_PROVISIONED: the streams of the bus are not there, or not yet
 * - REFUSED: JetStream answered with another error, named in the message
 */
export type BusErrorCode = 'NO_RESPONDERS' | 'TIMEOUT' | 'STREAM_FULL' | 'STORE_FAILED' | 'PAYLOAD_TOO_LARGE' | 'DISCONNECTED' | 'FORBIDDEN' | 'UNAUTHORIZED' | 'NOT_PROVISIONED' | 'REFUSED';

export class BusError extends Error {
  constructor(
    readonly code: BusErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'BusError';
  }
}

const KINDS: readonly (readonly [abstract new (...args: never[]) => Error, BusErrorCode])[] = [
  [errors.NoRespondersError, 'NO_RESPONDERS'],
  [errors.TimeoutError, 'TIMEOUT'],
  [errors.PermissionViolationError, 'FORBIDDEN'],
  [errors.AuthorizationError, 'UNAUTHORIZED'],
  [errors.UserAuthenticationExpiredError, 'UNAUTHORIZED'],
  [JetStreamApiError, 'REFUSED'],
];

/** Our error for one of the NATS client's, looking through its wrappers. What it does not name is a broken connection. */
export function busError(error: unknown, what: string): BusError {
  if (error instanceof BusError) return error;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const problem = at;
    const known = KINDS.find(([kind]) => problem instanceof kind);
    if (known !== undefined) return new BusError(known[1], `${what}: ${problem.message}`, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new BusError('DISCONNECTED', `${what}: ${message}`, { cause: error });
}
