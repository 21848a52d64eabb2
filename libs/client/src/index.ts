export { openEmitter, type EmitterOptions } from './open-emitter.js';
export { Emitter, type EmitterStats, type Recorded } from './emitter.js';
export type { Emitted } from './pipeline.js';
export type { EmitInput } from './event-input.js';
export { EmitError, RefusedError, type EmitErrorCode } from './errors.js';
export type { OnRefused } from './options.js';
export type { EmitterTransport, Log } from './transport.js';
