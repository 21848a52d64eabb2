/** A message to one telephone. */
export interface Sms {
  /** Unique: a provider that gets it twice sends it once. */
  readonly id: string;
  /** E.164. */
  readonly to: string;
  readonly text: string;
}

/** Whoever brings messages to telephones. */
export interface SmsProvider {
  /** Resolves when the provider has taken it over. Rejects with IdentityFault SMS_UNSENT. */
  send(sms: Sms): Promise<void>;
}
