export { createOperations, registerOperations, type Operations, type Readiness } from './operations.js';
export { traceRequests } from './trace-requests.js';
