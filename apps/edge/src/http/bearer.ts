import { CredentialFault, parseApiKey } from '@countersign/credentials';
import { EdgeFault } from './edge-fault.js';

const BEARER = /^Bearer +(\S+)$/i;

/**
 * The API key of an Authorization header (RFC 6750 §2.1). Whatever no key can be is refused here, by form and checksum: nobody is
 * asked about it. Throws EdgeFault API_KEY_MALFORMED.
 */
export function bearerKeyOf(authorization: string): string {
  try {
    return parseApiKey(BEARER.exec(authorization)?.[1] ?? '').text;
  } catch (error) {
    if (error instanceof CredentialFault) throw new EdgeFault('API_KEY_MALFORMED', 'Authorization must be "Bearer csk_…", with a whole API key');
    throw error;
  }
}
