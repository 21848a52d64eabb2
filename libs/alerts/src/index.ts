import type { AlertGroup } from './alert.js';
import { BACKUPS } from './backups.js';
import { EVIDENCE } from './evidence.js';
import { KEYS_AND_SECRETS } from './keys.js';
import { PRIVACY, SIGN_IN } from './people.js';
import { PLATFORM } from './platform.js';
import { OBJECTIVES } from './slo.js';

export type { Alert, AlertGroup, Example, Owner, Severity } from './alert.js';
export { ruleFile, ruleTests, type RenderOptions } from './render.js';

/** Every alert that there is. */
export const ALERT_GROUPS: readonly AlertGroup[] = [PLATFORM, EVIDENCE, KEYS_AND_SECRETS, SIGN_IN, PRIVACY, BACKUPS, OBJECTIVES];

/** In the repository; whoever deploys gives his own: `npm run alerts -- --runbooks URL`. */
export const RUNBOOKS_URL = 'docs/operations/runbooks';
