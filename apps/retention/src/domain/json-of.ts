import type { JsonObject } from '@countersign/chain';

/** Facts of an event without those that are absent: JSON has no undefined. */
export const jsonOf = (facts: object): JsonObject => Object.fromEntries<JsonObject[string]>(Object.entries(facts).filter(([, value]) => value !== undefined));
