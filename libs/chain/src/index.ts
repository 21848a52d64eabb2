export * from './event.js';
export * from './fault.js';
export * from './receipt.js';
