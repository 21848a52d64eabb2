import type { z } from 'zod';
import { HOLDER_RESOURCE_OPERATIONS } from './holder.js';
import { HOLDER_SUBJECT_OPERATIONS } from './holder-subjects.js';

/** Everything that retention asks a holder. */
export const HOLDER_OPERATIONS = { ...HOLDER_RESOURCE_OPERATIONS, ...HOLDER_SUBJECT_OPERATIONS } as const;

export type HolderOperation = keyof typeof HOLDER_OPERATIONS;
export type HolderArgs<O extends HolderOperation> = z.output<(typeof HOLDER_OPERATIONS)[O]['args']>;
export type HolderArgsInput<O extends HolderOperation> = z.input<(typeof HOLDER_OPERATIONS)[O]['args']>;
export type HolderResult<O extends HolderOperation> = z.output<(typeof HOLDER_OPERATIONS)[O]['result']>;
