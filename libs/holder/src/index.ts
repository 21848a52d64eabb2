export { HolderClient } from './client.js';
export { HolderFault } from './fault.js';
export type { Carried, Holder, Prepared, SubjectHolder } from './holder.js';
export { orderDigest, Orders } from './orders.js';
export { registerType, TypeRefused } from './register-type.js';
export { HolderResponder, PersonResponder, type AnsweringOptions, type ResponderOptions } from './responder.js';
export { retentionOrdersMigrationSql } from './schema.js';
