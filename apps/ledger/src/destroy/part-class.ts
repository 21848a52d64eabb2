import { DATA_CLASSES, type DataClass } from '@countersign/contracts';

/** Classes of events by the beginning of their type; the longest that fits counts. What fits none is operational. */
export type PartClasses = ReadonlyMap<string, DataClass>;

/** Those of the platform itself. */
export const PART_CLASSES_DEFAULT: PartClasses = new Map<string, DataClass>([
  ['identity', 'security'],
  ['keys', 'security'],
  ['http', 'operational'],
  ['ledger', 'operational'],
  ['retention', 'legal'],
]);

/** Entries of these types say which parts were destroyed: nothing of them ever goes (docs/spec/ledger-format.md, "Destroyed parts"). */
const NEVER = 'ledger.parts.';

/** Undefined for what is never destroyed. */
export function classOfType(type: string, classes: PartClasses): DataClass | undefined {
  if (type.startsWith(NEVER)) return undefined;
  for (let end = type.length; end > 0; end = type.lastIndexOf('.', end - 1)) {
    const found = classes.get(type.slice(0, end));
    if (found !== undefined) return found;
  }
  return 'operational';
}

/** Undefined when the text is not well formed. */
export function readPartClasses(text: string): PartClasses | undefined {
  const classes = new Map(PART_CLASSES_DEFAULT);
  for (const pair of text.split(',').filter((one) => one !== '')) {
    const match = /^([a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*)=([a-z]+)$/.exec(pair.trim());
    const found = DATA_CLASSES.find((one) => one === match?.[2]);
    if (match === null || found === undefined) return undefined;
    classes.set(match[1]!, found);
  }
  return classes;
}
