import { IdentityFault } from './identity-fault.js';

/** A code that was right, and was used before: somebody else has it, or had it first (RFC 6238 §5.2). */
export class CodeReplayed extends IdentityFault {
  constructor(readonly event: 'identity.user.totp-replayed' | 'identity.user.backup-code-reused') {
    super('CODE_REPLAYED', 'the code was used before', { field: 'code' });
  }
}
