/**
 * How long what is kept, and what becomes of it then: policies, legal holds, requests of subjects, and who wins. Pure: the time is an
 * argument, and every decision comes with its reasons (docs/spec/retention-rules.md).
 */
export { evaluate, type Erasure, type Matter } from './evaluate.js';
export { RetentionRulesFault, type RetentionRulesFaultCode } from './fault.js';
export { planErasure, type ErasurePlan, type KeyName, type PersonsKind } from './erasure-plan.js';
export { coverageOf, covers, isInForce, mayCover, type Hold, type HoldScope, type Kind } from './hold.js';
export type { Outcome, Reason, ReasonCode, Verdict } from './outcome.js';
export { endOfPeriod, isAtLeast, isSamePeriod, type Period } from './period.js';
export { appliesTo, explicitness, type Disposal, type Policy } from './policy.js';
export { parseQuery, QUERY_CHARS_MAX, QUERY_TERMS_MAX, QUERY_VALUES_MAX, type Query } from './query.js';
export { clockStartOf, type Action, type ClockStart, type Resource, type ResourceType } from './resource.js';
export { shortens } from './shortens.js';
export { isRestricted, restricts, type Restriction } from './restriction.js';
export { decisive, KINDS_MAX, Rules, type RuleSet } from './rules.js';
