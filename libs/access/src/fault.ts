/** Every fault of this library. A code is stable for ever: callers and tests match on it. */
export const ACCESS_FAULT_CODES = [
  /** No permission of this name: a route or a stored role names what does not exist. */
  'ACCESS_PERMISSION_UNKNOWN',
  /** The permission may not be granted in this scope, or a role may not be assigned at this level. */
  'ACCESS_SCOPE_FORBIDDEN',
  /** Text that no version of this library writes for a set. */
  'ACCESS_SET_MALFORMED',
] as const;

export type AccessFaultCode = (typeof ACCESS_FAULT_CODES)[number];

export class AccessFault extends Error {
  override readonly name = 'AccessFault';
  constructor(
    readonly code: AccessFaultCode,
    message: string,
  ) {
    super(message);
  }
}
