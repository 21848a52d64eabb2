export { createOperations, registerOperations, type Operations, type Readiness } from './operations.js';
