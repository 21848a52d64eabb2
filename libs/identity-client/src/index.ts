export { accessOf } from './access-of.js';
export { IdentityClient, type IdentityClientOptions } from './identity-client.js';
export { IdentityClientError, type IdentityClientErrorCode } from './identity-client-error.js';
export { SessionCache, type SessionCacheOptions } from './session-cache.js';
