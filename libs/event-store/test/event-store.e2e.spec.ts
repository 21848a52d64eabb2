import { eventStoreContract } from './contract.js';
import { startStand } from './stand.js';

eventStoreContract('event store on PostgreSQL, with a bus and a ledger behind it', startStand);
