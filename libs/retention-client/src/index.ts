export { RetentionClient, RetentionClientError, type RetentionClientErrorCode, type RetentionClientOptions } from './retention-client.js';
