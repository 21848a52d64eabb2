import { RETENTION_FAULT_CODES, type RetentionFaultCode } from '@countersign/contracts';
import { EventStoreFault } from '@countersign/event-store';
import { HolderFault } from '@countersign/holder';
import { IdentityClientError } from '@countersign/identity-client';
import { isPassing, KeyClientError } from '@countersign/key-client';
import { isAway, metAnother, RequestFault } from '@countersign/request-reply';
import { RetentionFault } from '../domain/retention-fault.js';
import { RulesMoved } from '../sweep/rule-gate.js';

const IDENTITY_AWAY = new Set(['IDENTITY_UNAVAILABLE', 'IDENTITY_OVERLOADED']);

/** The refusal that an error amounts to. */
export function faultOf(error: unknown): RetentionFault {
  if (error instanceof RetentionFault) return error;
  if (error instanceof RequestFault) return new RetentionFault(error.code === 'OVERLOADED' ? 'RETENTION_OVERLOADED' : error.code, error.message, error.detail);
  if (error instanceof IdentityClientError) {
    if (IDENTITY_AWAY.has(error.code)) return unavailable(error);
    // What identity says about who asks goes on under its own name; anything else of it is a failure here.
    return isOurs(error.code) ? new RetentionFault(error.code, error.message, {}, { cause: error }) : internal(error);
  }
  if (error instanceof EventStoreFault && error.code === 'STREAM_VERSION_CONFLICT') return conflict(error);
  // Somebody else's command id, or one of something else: the edge makes them at random.
  if (error instanceof EventStoreFault && error.code === 'COMMAND_ID_REUSED') return new RetentionFault('REQUEST_MALFORMED', 'the command id is of another request', { field: 'commandId' }, { cause: error });
  if (error instanceof EventStoreFault && error.code === 'PERSONAL_NOT_SEALED') return isKeysAway(error.cause) ? unavailable(error) : internal(error);
  if (metAnother(error) || error instanceof RulesMoved) return conflict(error);
  return isKeysAway(error) || isHolderAway(error) || isAway(error) ? unavailable(error) : internal(error);
}

const isOurs = (code: string): code is RetentionFaultCode => (RETENTION_FAULT_CODES as readonly string[]).includes(code);
const isKeysAway = (error: unknown): boolean => error instanceof KeyClientError && isPassing(error.code);
const isHolderAway = (error: unknown): boolean => error instanceof HolderFault && error.code === 'HOLDER_UNAVAILABLE';
const conflict = (cause: unknown): RetentionFault => new RetentionFault('CONFLICT', 'somebody else changed the same thing', {}, { cause });
const unavailable = (cause: unknown): RetentionFault => new RetentionFault('RETENTION_UNAVAILABLE', 'something that retention needs does not answer', {}, { cause });
const internal = (cause: unknown): RetentionFault => new RetentionFault('RETENTION_INTERNAL', 'retention failed; its log tells why', {}, { cause });
