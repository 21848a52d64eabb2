import type { z } from 'zod';
import { RETENTION_ERASURE_OPERATIONS } from './retention-erasures.js';
import { HOLD_OPERATIONS } from './retention-holds.js';
import { RETENTION_DRY_RUN_OPERATIONS } from './retention-dry-run.js';
import { RETENTION_INCIDENT_OPERATIONS } from './retention-incidents.js';
import { RETENTION_POLICY_OPERATIONS } from './retention-policies.js';
import { RETENTION_REQUEST_OPERATIONS } from './retention-requests.js';
import { RETENTION_TYPE_OPERATIONS } from './retention-types.js';
import type { RetentionOperationContract } from './retention.js';

/** Operations of retention: arguments, results, the faults of each beside RETENTION_FAULTS_OF_ALL, and the events that it leaves. */
export const RETENTION_OPERATIONS = {
  ...RETENTION_POLICY_OPERATIONS,
  ...RETENTION_DRY_RUN_OPERATIONS,
  ...HOLD_OPERATIONS,
  ...RETENTION_TYPE_OPERATIONS,
  ...RETENTION_REQUEST_OPERATIONS,
  ...RETENTION_INCIDENT_OPERATIONS,
  ...RETENTION_ERASURE_OPERATIONS,
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

export type RetentionOperation = keyof typeof RETENTION_OPERATIONS;
export type RetentionArgs<O extends RetentionOperation> = z.output<(typeof RETENTION_OPERATIONS)[O]['args']>;
export type RetentionArgsInput<O extends RetentionOperation> = z.input<(typeof RETENTION_OPERATIONS)[O]['args']>;
export type RetentionResult<O extends RetentionOperation> = z.output<(typeof RETENTION_OPERATIONS)[O]['result']>;

export const isRetentionOperation = (name: string): name is RetentionOperation => Object.hasOwn(RETENTION_OPERATIONS, name);
