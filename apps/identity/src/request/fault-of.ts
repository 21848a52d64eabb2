import { IDENTITY_FAULT_CODES, type IdentityFaultCode } from '@countersign/contracts';
import { CredentialFault } from '@countersign/credentials';
import { EventStoreFault } from '@countersign/event-store';
import { isPassing, KeyClientError } from '@countersign/key-client';
import { isAway, metAnother, RequestFault } from '@countersign/request-reply';
import { IdentityFault } from '../domain/identity-fault.js';
import { commandDone } from './repeated.js';

/** The refusal that an error amounts to. */
export function faultOf(error: unknown): IdentityFault {
  if (error instanceof IdentityFault) return error;
  if (error instanceof RequestFault) return new IdentityFault(error.code === 'OVERLOADED' ? 'IDENTITY_OVERLOADED' : error.code, error.message, error.detail);
  if (error instanceof EventStoreFault) {
    if (error.code === 'STREAM_VERSION_CONFLICT') return new IdentityFault('CONFLICT', 'somebody else changed the same thing', {}, { cause: error });
    // Two at once under one id, of which the other was first.
    if (error.code === 'COMMAND_ID_REUSED') return commandDone(error);
    if (error.code === 'PERSONAL_NOT_SEALED') return isKeysAway(error.cause) ? unavailable(error) : internal(error);
  }
  if (error instanceof CredentialFault) {
    const { code, message, retryAfterMs } = error;
    if (code === 'HASHER_OVERLOADED') return new IdentityFault('IDENTITY_OVERLOADED', 'too many passwords at once', { retryAfterMs });
    if (isOurs(code)) return new IdentityFault(code, message, { field: 'password' });
    if (code === 'SESSION_TOKEN_MALFORMED') return new IdentityFault('UNAUTHENTICATED', 'no such token');
  }
  if (isKeysAway(error)) return unavailable(error);
  if (metAnother(error)) return new IdentityFault('CONFLICT', 'somebody else changed the same thing', {}, { cause: error });
  return isAway(error) ? unavailable(error) : internal(error);
}

/** PASSWORD_TOO_SHORT and the like are told by their own name. */
const isOurs = (code: string): code is IdentityFaultCode => (IDENTITY_FAULT_CODES as readonly string[]).includes(code);
const isKeysAway = (error: unknown): boolean => error instanceof KeyClientError && isPassing(error.code);
const unavailable = (cause: unknown): IdentityFault => new IdentityFault('IDENTITY_UNAVAILABLE', 'something that identity needs does not answer', {}, { cause });
const internal = (cause: unknown): IdentityFault => new IdentityFault('IDENTITY_INTERNAL', 'identity failed; its log tells why', {}, { cause });
