import { DATA_CLASSES, type DataClass } from '@countersign/contracts';

/** Names of stretches as retention sees them: `<tenant>:<class>:<from>-<to>`. */
export interface StretchName {
  readonly tenant: string;
  readonly class: DataClass;
  readonly from: number;
  readonly to: number;
}

const PATTERN = /^([a-z0-9-]{1,63}):([a-z]+):(0|[1-9]\d{0,15})-([1-9]\d{0,15})$/;

export const stretchId = ({ tenant, class: partClass, from, to }: StretchName): string => `${tenant}:${partClass}:${from}-${to}`;

/** Undefined for what is no name of a stretch. */
export function readStretchId(id: string): StretchName | undefined {
  const match = PATTERN.exec(id);
  const partClass = DATA_CLASSES.find((one) => one === match?.[2]);
  if (match === null || partClass === undefined) return undefined;
  const [from, to] = [Number(match[3]), Number(match[4])];
  return from < to ? { tenant: match[1]!, class: partClass, from, to } : undefined;
}
