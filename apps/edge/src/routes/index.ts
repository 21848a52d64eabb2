import { ACCOUNT_ROUTES } from './account.js';
import { ADMIN_ROUTES } from './admin.js';
import { CREDENTIAL_ROUTES } from './credentials.js';
import { FACTOR_ROUTES } from './factors.js';
import { API_KEY_ROUTES } from './api-keys.js';
import { EVENT_ROUTES } from './events.js';
import { INCIDENT_ROUTES } from './incidents.js';
import { LEDGER_ROUTES } from './ledgers.js';
import { ORGANIZATION_ROUTES } from './organizations.js';
import { PRIVACY_ROUTES } from './privacy.js';
import { RETENTION_ROUTES } from './retention.js';
import type { Route } from './route.js';
import { SERVICE_ACCOUNT_ROUTES } from './service-accounts.js';
import { SIGN_IN_ROUTES } from './sign-in.js';

/** Every route of the public API. What is not here does not exist. */
export const ROUTES: readonly Route[] = [...SIGN_IN_ROUTES, ...ACCOUNT_ROUTES, ...FACTOR_ROUTES, ...CREDENTIAL_ROUTES, ...API_KEY_ROUTES, ...ADMIN_ROUTES, ...SERVICE_ACCOUNT_ROUTES, ...ORGANIZATION_ROUTES, ...RETENTION_ROUTES, ...PRIVACY_ROUTES, ...INCIDENT_ROUTES, ...EVENT_ROUTES, ...LEDGER_ROUTES];
