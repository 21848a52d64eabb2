import { type Outcome, type Severity, SEVERITIES, SEVERITY_RULES, type SeverityRule } from './severity-rules.js';

/** `*` inside a word stands for letters of that word, alone for one word, and alone at the end for one or more. */
function patternOf(types: string): RegExp {
  const words = types.split('.').map((word, at, all) => {
    if (word === '*') return at === all.length - 1 ? '.+' : '[^.]+';
    return word.split('*').map((part) => part.replace(/[^a-z0-9-]/g, '\\$&')).join('[^.]*');
  });
  return new RegExp(`^${words.join('\\.')}$`);
}

const COMPILED = SEVERITY_RULES.map((rule) => ({ rule, patterns: rule.types.map(patternOf) }));

/** The rules that speak of such an event. What `repeats` asks to be counted is counted by the caller, each under the rule's id. */
export function severityRulesFor(type: string, outcome: Outcome): SeverityRule[] {
  return COMPILED.filter(({ rule, patterns }) => rule.outcomes.includes(outcome) && patterns.some((pattern) => pattern.test(type))).map(({ rule }) => rule);
}

/**
 * The gravest of what the rules say; `info` when none speaks. `counts`: rule id → such events within its window, this one included; an
 * uncounted rule stays silent.
 */
export function severityOf(type: string, outcome: Outcome, counts: ReadonlyMap<string, number> = new Map()): Severity {
  const speaking = severityRulesFor(type, outcome).filter(({ id, repeats }) => repeats === undefined || (counts.get(id) ?? 0) >= repeats.atLeast);
  const rank = Math.max(0, ...speaking.map(({ severity }) => SEVERITIES.indexOf(severity)));
  return SEVERITIES[rank]!;
}
