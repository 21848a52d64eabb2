export { ATTEMPT_KEYS_MAX, type Attempt, type Attempts, type Begun, type Locked } from './attempts.js';
export { LOCK_POLICY, standingOf, stepOf, type LockPolicy, type LockStep, type Standing } from './policy.js';
export { MemoryAttempts, type MemoryAttemptsOptions } from './memory-attempts.js';
export { RedisAttempts, type RedisAttemptsOptions } from './redis-attempts.js';
export { FallbackAttempts, type FallbackOptions } from './fallback-attempts.js';
export { networkOf } from './network.js';
