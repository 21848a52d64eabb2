import type { PermissionId } from '@countersign/access';
import { RETENTION_OPERATIONS } from '@countersign/contracts';
import { z } from 'zod';
import { retentionRoute } from './retention-route.js';
import type { Access, Route } from './route.js';

/** Retention: policies of the installation and of organisations. */

const { shape: of } = RETENTION_OPERATIONS['policy-list'].args;
const inOrganization = z.strictObject({ organization: of.organization.unwrap() });

/** Over the organisation that the path names, or the installation; retention decides again. */
const over = (permission: PermissionId): Access => ({ kind: 'permission', permission, target: ({ organization }) => (organization === undefined ? {} : { organization }) });
const get = { tag: 'retention', method: 'GET', limit: 'read' } as const;

const asked = <T>({ params, query }: { readonly params: object; readonly query: object }): T => ({ ...params, ...query }) as T;

export const RETENTION_ROUTES: readonly Route[] = [
  retentionRoute('policy-list', {
    ...get, path: '/v1/retention/policies', access: over('retention.read'), summary: 'Retention policies of the installation.', args: () => ({}),
    tell: { schema: RETENTION_OPERATIONS['policy-list'].result, pick: (result) => result },
  }),
  retentionRoute('policy-list', {
    ...get, path: '/v1/organizations/:organization/retention/policies', access: over('retention.read'), summary: 'Retention policies of the organisation.',
    params: inOrganization, args: asked,
    tell: { schema: RETENTION_OPERATIONS['policy-list'].result, pick: (result) => result },
  }),
];
