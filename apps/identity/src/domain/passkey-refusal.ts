import { IdentityFault } from './identity-fault.js';

/** At what the answer of a passkey failed. `unknown`: no such passkey here, or not of this account. */
export const PASSKEY_DOUBTS = ['malformed', 'unknown', 'origin', 'relying-party', 'presence', 'verification', 'attestation', 'signature', 'counter'] as const;
export type PasskeyDoubt = (typeof PASSKEY_DOUBTS)[number];

export class PasskeyRefusal extends IdentityFault {
  constructor(readonly doubt: PasskeyDoubt) {
    super('PASSKEY_REFUSED', `the passkey's answer does not hold: ${doubt}`, { field: 'passkey' });
  }
}
