export * from './subjects.js';
export * from './messages.js';
export * from './cloud-event.js';
export * from './ledger-http.js';
export * from './keys.js';
export * from './keys-operations.js';
export * from './identity.js';
export * from './identity-operations.js';
