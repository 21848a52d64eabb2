import type { Make } from './cast.js';
import { HOME } from './whole-stand.js';

const reads: Make = async ({ stand }) => ({ by: stand.admin.browser, path: { organization: HOME } });

export const RETENTION_SAMPLES: Readonly<Record<string, Make>> = {
  'GET /v1/retention/policies': reads,
  'GET /v1/organizations/{organization}/retention/policies': reads,
};
