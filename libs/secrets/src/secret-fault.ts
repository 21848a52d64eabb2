export type SecretFaultCode =
  /** Not configured, or not there: the provider answered. */
  | 'SECRET_NOT_FOUND'
  /** The provider did not answer, or not in time. */
  | 'SECRET_PROVIDER_UNAVAILABLE'
  /** The provider, or the file's permissions, refused. */
  | 'SECRET_DENIED'
  /** Empty, without the field that was asked for, or not the text it must be. */
  | 'SECRET_MALFORMED'
  | 'SECRET_TOO_LARGE'
  /** In the environment, which every child process and crash report carries on: for development only. */
  | 'SECRET_ENV_FORBIDDEN';

/** The message holds a secret's name and what is wrong, never its value or place. */
export class SecretFault extends Error {
  override readonly name = 'SecretFault';
  constructor(
    readonly code: SecretFaultCode,
    message: string,
  ) {
    super(message);
  }
}
