import { z } from 'zod';
import { apiKeyIdSchema, FAULTS_OF_KEYS, keyPrincipalSchema } from './identity-api-keys.js';
import { digestSchema } from './identity.js';
import { organization, principalSchema, type IdentityOperationContract } from './identity-shapes.js';

/** How a service that the edge hands a request on to finds out who asks, without being handed what he has shown (docs/adr/0029). */

/**
 * Stands in for a session's token or an API key. Whoever was shown one of them can make it, and it opens nothing at the edge:
 * `sessionDigest` is that of the token, `keyDigest` what identity told the edge about the key.
 */
export const standInSchema = z.union([z.strictObject({ sessionDigest: digestSchema }), z.strictObject({ keyId: apiKeyIdSchema, keyDigest: digestSchema })]);
export type StandIn = z.output<typeof standInSchema>;

export const PRINCIPAL_OPERATIONS = {
  /** Who is behind it, and what he may do now; of `organization`, if it is named, whether there is one. Asked for each request, and kept by nobody. */
  principal: {
    asker: 'retention', auth: 'none',
    args: z.strictObject({ standIn: standInSchema, organization: organization.optional() }),
    result: z.strictObject({ principal: z.union([principalSchema, keyPrincipalSchema]), organization: z.enum(['open', 'closed', 'unknown']).optional() }),
    faults: ['UNAUTHENTICATED', ...FAULTS_OF_KEYS],
    reads: true,
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;
