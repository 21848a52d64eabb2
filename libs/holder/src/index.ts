export { HolderClient } from './client.js';
export { HolderFault } from './fault.js';
export type { Carried, Holder, Prepared } from './holder.js';
export { Orders } from './orders.js';
export { HolderResponder, type ResponderOptions } from './responder.js';
export { retentionOrdersMigrationSql } from './schema.js';
